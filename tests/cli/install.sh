#!/usr/bin/env bash
# make install DESTDIR= puts tools, man pages and completions in place; uninstall takes all of it away.
. tests/lib.sh
eval "$(${MAKE:-make} -s --no-print-directory lint-facts)"

inst() { FCTRY_NO_DEPS=1 ${MAKE:-make} -s --no-print-directory "$1" O="$O" PREFIX=/usr DESTDIR="$T/dest" ${WERROR:+WERROR=$WERROR} ${SAN:+SAN=$SAN}; }
check "make install" inst install
for tool in $TOOLS; do
        check "$tool is installed and runs" "$T/dest/usr/bin/$tool" --version
        check "$tool(1) is installed" test -s "$T/dest/usr/share/man/man1/$tool.1"
        check "$tool completion is installed" test -s "$T/dest/usr/share/bash-completion/completions/$tool"
done
for page in $MAN; do
        check "$page is installed" test -s "$T/dest/usr/share/man/man${page##*.}/${page##*/}"
done
check "make uninstall" inst uninstall
left=$(find "$T/dest" -type f)
if [ -z "$left" ]; then pass "uninstall leaves nothing"; else fail "uninstall leaves nothing" "$left"; fi
finish
