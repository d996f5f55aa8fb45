# shellcheck shell=bash
# Sourced by shell tests: TAP output, a scratch folder in $T that is removed at the end.
# Expects BIN (the tools), runs from the top of the repository.
set -u
: "${BIN:?BIN must name the folder with the tools}"
: "${O:=build}"
: "${SLOW:=1}" # tools take so many times as long: what waits for them waits longer, what is only to take a while has less to do
TOP=$(pwd)
export TOP PATH="$BIN:$PATH"
T=$(mktemp -d "${TMPDIR:-/tmp}/fctry-test.XXXXXX")
trap 'rm -rf "$T"' EXIT
SHARED=${FCTRY_SHARED:-$TOP/../shared}
TAP_N=0
TAP_BAD=0

pass() { TAP_N=$((TAP_N + 1)); echo "ok $TAP_N - $1"; }
fail() {
        TAP_N=$((TAP_N + 1)) TAP_BAD=$((TAP_BAD + 1))
        echo "not ok $TAP_N - $1"
        shift
        [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}
skip() { TAP_N=$((TAP_N + 1)); echo "ok $TAP_N # SKIP $1: $2"; }

# pause SECONDS: a sleep, as much longer as tools take
pause() { sleep "$(awk -v s="$1" -v by="$SLOW" 'BEGIN { print s * by }')"; }

# check NAME COMMAND...: passes if the command exits 0.
check() {
        local name=$1
        shift
        if "$@" >"$T/check.out" 2>&1; then pass "$name"; else
                fail "$name" "status $? of: $*" "$(head -c 2000 "$T/check.out")"
        fi
}

# run COMMAND...: runs it, leaves $status, $T/stdout, $T/stderr.
run() {
        status=0
        "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
}

# expect NAME STATUS [REGEX]: of the last run; REGEX must match a line of stdout or stderr.
expect() {
        if ! [[ $status =~ ^$2$ ]]; then
                fail "$1" "status $status, expected $2" "$(head -c 1500 "$T/stdout")" "$(head -c 1500 "$T/stderr")"
        elif [ $# -gt 2 ] && ! grep -Eq -- "$3" "$T/stdout" "$T/stderr"; then
                fail "$1" "no line matches: $3" "$(head -c 1500 "$T/stdout")" "$(head -c 1500 "$T/stderr")"
        else
                pass "$1"
        fi
}

# same NAME FILE FILE
same() {
        if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$(cmp "$2" "$3" 2>&1)"; fi
}

# read_only FOLDER COMMAND...: with the folder on a disk that cannot be written; needs mount namespaces.
read_only() {
        unshare -rm sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"' "$@"
}

# The last statement of every test.
finish() {
        echo "1..$TAP_N"
        [ "$TAP_BAD" -eq 0 ] && [ "$TAP_N" -gt 0 ]
}
