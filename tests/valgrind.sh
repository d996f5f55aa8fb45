#!/usr/bin/env bash
# tests/valgrind.sh TEST...: one test after the other, with the tools of $BIN under valgrind (memcheck). A tool with an error
# or a definite leak ends with status 99 and a report in $O/valgrind/TEST, so its test fails; the reports are what this prints.
# The board is not what is tested where it is somebody's peer: vboard is under valgrind in its own tests only (VALGRIND_BOARD=1:
# everywhere). What runs on the board, and test programs, never are.
set -u
cd "$(dirname "$0")/.." || exit 5
: "${BIN:?}" "${O:?}"
command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install -y valgrind" >&2; exit 5; }
[ $# -gt 0 ] || { echo "tests/valgrind.sh: no tests given" >&2; exit 2; }

# tools DIR TEST: a folder like $BIN
tools() {
        local tool name
        mkdir -p "$1/bin" "$1/log"
        for tool in "$BIN"/*; do
                name=${tool##*/}
                if [ "$name" = vboard ] && [ -z "${VALGRIND_BOARD:-}" ] && [[ $2 != *vboard* ]]; then
                        ln -s "$tool" "$1/bin/$name"
                        continue
                fi
                printf '#!/bin/sh\nexec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --log-file=%s/log/%s.%%p %s "$@"\n' \
                        "$1" "$name" "$tool" >"$1/bin/$name"
                chmod +x "$1/bin/$name"
        done
        ln -s "$O/firmware" "$O/fw" "$1" # tools and samples look for them beside their own folder
}

rm -rf "$O/valgrind"
runs=0 bad=0 failed=0
for test; do
        dir=$O/valgrind/$(basename "$test" .sh)
        tools "$dir" "$test"
        TEST_TIMEOUT=${TEST_TIMEOUT:-1800} TEST_JOBS=1 SLOW=${SLOW:-10} BIN=$dir/bin bash tests/run "$test" || failed=$((failed + 1))
        r=$(find "$dir/log" -type f | wc -l)
        # -- are valgrind's own troubles, and so is an ioctl of terminals that it does not know
        grep -r '^==' "$dir/log" | grep -vE 'unhandled ioctl|spurious value errors|README_MISSING_SYSCALL' >"$dir/said"
        b=$(cut -d: -f1 "$dir/said" | sort -u | wc -l)
        cut -d: -f2- "$dir/said" | head -n 100
        echo "valgrind: $test: $r runs of tools, $b with something to say"
        runs=$((runs + r)) bad=$((bad + b))
done
echo "valgrind: $# tests, $failed failed; $runs runs of tools, $bad with something to say"
[ "$failed" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$runs" -gt 0 ]
