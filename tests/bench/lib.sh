# shellcheck shell=bash
# Sourced by tests/bench/GROUP.sh, which run.sh starts: figures go to $FIGURES, one a line of tab-separated columns.
set -u
: "${BIN:?}" "${O:?}" "${FIGURES:?run.sh starts this}" "${W:?}"
TOP=$(pwd)
GROUP=$(basename "$0" .sh)
PATH=$BIN:$O/bench:$PATH
rounds=${BENCH_ROUNDS:-5}
# a substitution that fails ends its group as anything else that fails does
set -o pipefail
shopt -s inherit_errexit
set -eE
trap 'echo "bench: $GROUP: line $LINENO: status $?: $BASH_COMMAND" >&2' ERR

# at_end COMMAND: in an EXIT trap, where what fails is no news
at_end() {
        trap - ERR
        set +eE
        "$@"
}
saying() { echo "  $GROUP: $*" >&2; }
median() { sort -g | awk '{ v[NR] = $1 } END { if (!NR) exit 1; print v[int((NR + 1) / 2)] }'; }
calc() { awk "BEGIN { printf \"$1\", $2 }"; }
seconds() { awk '{ printf "%.3f s", $1 }'; } # of a number on stdin

# figure NAME OURS PEER RATIO TARGET
#   OURS, PEER  number and unit; PEER is - without one, "set VARIABLE" if the variable that brings it is not set
#   RATIO       ours/peer, peer/ours, a number, or -
#   TARGET      "<= N" or ">= N" of the ratio, "ours <= N UNIT" of our number, or -
figure() {
        awk -v g="$GROUP" -v name="$1" -v ours="$2" -v peer="$3" -v ratio="$4" -v target="$5" '
        function short(r) { return sprintf(r < 1 ? "%.3f" : r < 10 ? "%.2f" : "%.1f", r) }
        BEGIN {
                split(ours, o, " "); split(peer, p, " ")
                absent = o[1] == "-" || p[1] == "-" || p[1] == "set"
                if (ratio == "ours/peer") ratio = absent ? "-" : short(o[1] / p[1])
                if (ratio == "peer/ours") ratio = absent ? "-" : short(p[1] / o[1])
                n = split(target, t, " "); met = n > 1 ? "absent" : "-"; of = ratio; i = 1
                if (t[1] == "ours") { of = o[1]; i = 2 }
                if (n > 1 && of != "-") met = (t[i] == "<=" ? of + 0 <= t[i + 1] + 0 : of + 0 >= t[i + 1] + 0) ? "yes" : "no"
                printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g, name, ours, peer, ratio, target, met
        }' >>"$FIGURES"
}

# python_with MODULE…: the Python that has them all; false if none has
python_with() {
        local p
        for p in python3 /usr/bin/python3; do
                "$p" -c "import $(IFS=,; echo "$*")" 2>/dev/null && { echo "$p"; return; }
        done
        return 1
}
