#!/bin/sh
# Installs the Debian packages that the build and the tests need and that are missing: as root or
# through sudo without a question; otherwise prints the one line that would. --hint only prints it;
# another argument is another list than packages.txt.
# FCTRY_NO_DEPS=1 skips it.
set -eu
cd "$(dirname "$0")"

[ "${FCTRY_NO_DEPS:-}" = 1 ] && exit 0
command -v dpkg-query >/dev/null 2>&1 || exit 0

list=packages.txt
case ${1:-} in '' | --hint) ;; *) list=$1 ;; esac
wanted=$(sed 's/#.*//' "$list")
have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
missing=
for p in $wanted; do
        case "
$have
" in
        *"
$p
"*) ;;
        *) missing="$missing $p" ;;
        esac
done
[ -z "$missing" ] && exit 0

line="apt-get install -y --no-install-recommends$missing"
if [ "${1:-}" = --hint ]; then
        echo "Some packages are missing; \`make deps\` installs them, or as root: $line" >&2
        exit 0
fi
if [ "$(id -u)" = 0 ]; then
        as=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as="sudo -n"
else
        echo "Some packages are missing. As root:" >&2
        echo "    $line" >&2
        exit 5
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as apt-get update -qq || true
# shellcheck disable=SC2086
$as apt-get install -y -qq --no-install-recommends $missing >/dev/null
