#!/usr/bin/env bash
# tests/valgrind.sh TEST...: the tests with every tool of $BIN under valgrind (memcheck). A tool with an error ends
# with status 99 and a report in $O/valgrind, so its test fails; the reports are what this prints.
set -u
cd "$(dirname "$0")/.." || exit 5
: "${BIN:?}" "${O:?}"
command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install -y valgrind" >&2; exit 5; }
dir=$O/valgrind
rm -rf "$dir" && mkdir -p "$dir/bin"
for tool in "$BIN"/*; do
        printf '#!/bin/sh\nexec valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --child-silent-after-fork=yes --log-file=%s/%%p.%s.log %s "$@"\n' \
                "$dir" "${tool##*/}" "$tool" >"$dir/bin/${tool##*/}"
        chmod +x "$dir/bin/${tool##*/}"
done
ln -s "$O/firmware" "$dir/firmware"
TEST_TIMEOUT=${TEST_TIMEOUT:-1800} BIN=$dir/bin bash tests/run "$@"
status=$?
runs=$(find "$dir" -name '*.log' | wc -l)
bad=$(find "$dir" -name '*.log' -size +0 | wc -l)
find "$dir" -name '*.log' -size +0 -exec head -n 20 {} + | head -n 100
echo "valgrind: $runs runs, $bad with something to say"
[ "$status" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$runs" -gt 0 ]
