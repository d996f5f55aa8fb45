#!/bin/sh
# make deb: a Debian package of HEAD in dist/, looked at by lintian. Needs debhelper and the build's own
# packages (mk/packages.txt); says which are missing. DEBFULLNAME and DEBEMAIL: who packages it.
set -eu
cd "$(dirname "$0")/.."
version=$1
need=
for p in debhelper dpkg-dev lintian fakeroot; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || need="$need $p"
done
if [ -n "$need" ]; then
        echo "for make deb, as root: apt-get install -y --no-install-recommends$need" >&2
        exit 5
fi
quiet=initial-upload-closes-no-bugs # no bug closes a package that Debian does not have
if [ -z "${DEBEMAIL:-}" ]; then
        quiet=$quiet,bogus-mail-host,bogus-mail-host-in-debian-changelog # nobody said who packages it
fi
maintainer="${DEBFULLNAME:-fctry-tools developers} <${DEBEMAIL:-fctry-tools@localhost.localdomain}>"
work=dist/deb
src=$work/fctry-tools-$version
rm -rf "$work"
mkdir -p "$src"
git archive HEAD | tar -x -C "$src"
cp -r mk/debian "$src/debian"
# what a build needs of mk/packages.txt: libraries and generators, not the servers of the tests
deps=$(sed 's/#.*//' mk/packages.txt | grep -E -- '-dev$|^protobuf-c-compiler *$|^pkg-config *$|^mandoc *$' |
        grep -vE 'libcmocka-dev|libclang-rt|^libc6-dev' | sed 's/ *$//; s/^/ /; s/$/,/')
printf '%s\n' "$deps" >"$work/deps"
sed -i -e "/@BUILD_DEPENDS@/{r $work/deps
d}" -e "s/@MAINTAINER@/$maintainer/" "$src/debian/control"
rm "$work/deps"
date=$(git log -1 --format=%cD)
cat >"$src/debian/changelog" <<EOF
fctry-tools ($version) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $maintainer  $date
EOF
log=$(pwd)/$work/build.log
(cd "$src" && dpkg-buildpackage -b -us -uc -d >"$log" 2>&1) || {
        tail -n 30 "$log" >&2
        exit 1
}
mv "$work"/*.deb dist/
lintian --fail-on error,warning --suppress-tags "$quiet" dist/fctry-tools_"$version"_*.deb
ls dist/*.deb
