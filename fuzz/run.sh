#!/usr/bin/env bash
# Fuzz targets (clang, libFuzzer, ASan, UBSan) by processor seconds, with a tally that outlives the run.
#   run.sh once SECONDS NAME     make fuzz-NAME: so many seconds more of one target
#   run.sh long SECONDS NAME...  make fuzz-long: until each has had so many in all; the one with the fewest is next, so a
#                                second run goes on where the first was stopped
#   run.sh tally NAME...         make fuzz-tally: prints the tally
#   run.sh min NAME...           make fuzz-min: corpora found so far, without what adds nothing
# FUZZ_DIR (build/fuzz-long) keeps tally.tsv, corpus/NAME (new inputs; seeds stay in fuzz/corpus), findings/, logs/, and
# mended/: findings that a later build takes without complaint.
#   FB          where the fuzzers are
#   FUZZ_SLICE  processor seconds before another target has its turn (300)
#   FUZZ_JOBS   targets at the same time (1)
#   FUZZ_IDLE   1: only what no other program wants of the processors (SCHED_IDLE)
#   FUZZ_BUILD  1: only seconds of the present build count; the sources of a target that changed make it a new one
set -u
cd "$(dirname "$0")/.." || exit 5
: "${FB:?}" "${FUZZ_DIR:=build/fuzz-long}"
slice=${FUZZ_SLICE:-300} jobs=${FUZZ_JOBS:-1}
tally=$FUZZ_DIR/tally.tsv
header=$'target\tseconds\texecutions\tfeatures\tfindings\tbuild\tbuild_seconds\tbuild_executions\tlast'
idle=() limit=10
if [ -n "${FUZZ_IDLE:-}" ]; then
        command -v chrt >/dev/null || { echo "FUZZ_IDLE needs chrt: apt-get install -y util-linux" >&2; exit 5; }
        # who waits for hours is not a target that hangs; its own seconds are looked at when a finding is tried again
        idle=(chrt -i 0) limit=1200
fi
mkdir -p "$FUZZ_DIR"/{corpus,findings,mended,logs,lock} || exit 5
[ -s "$tally" ] || printf '%s\n' "$header" >"$tally" || exit 5
[ "$(head -n 1 "$tally")" = "$header" ] || { echo "$tally: not a tally of this version: move it away" >&2; exit 1; }
export UBSAN_OPTIONS=print_stacktrace=1
stop='' child='' bad=0

# What a target is made of: its program without debugging information, so that a comment elsewhere changes nothing.
build_of() {
        local bare=$FUZZ_DIR/logs/$1.bare
        objcopy --strip-all --remove-section=.note.gnu.build-id "$FB/fuzz/$1_fuzzer" "$bare" 2>/dev/null || cp "$FB/fuzz/$1_fuzzer" "$bare" || exit 5
        sha256sum <"$bare" | cut -c1-12
        rm -f "$bare"
}
field() { awk -F'\t' -v t="$1" -v c="$2" '$1 == t { v = $c } END { print v == "" ? 0 : v }' "$tally"; }
findings() { find "$FUZZ_DIR/findings" -maxdepth 1 -name "$1-*" ! -name "$1-slow-unit-*"; }

# had NAME BUILD: seconds that count
had() {
        if [ -z "${FUZZ_BUILD:-}" ]; then field "$1" 2; elif [ "$(field "$1" 6)" = "$2" ]; then field "$1" 7; else echo 0; fi
}

# enter NAME BUILD SECONDS EXECUTIONS FEATURES
enter() {
        (
                flock 9
                awk -F'\t' -v OFS='\t' -v t="$1" -v b="$2" -v s="$3" -v n="$4" -v f="$5" -v open="$(findings "$1" | wc -l)" -v now="$(date -u +%FT%TZ)" '
                        function row(os, on, bs, bn) { print t, os + s, on + n, f, open, b, bs + s, bn + n, now }
                        $1 != t { print; next }
                        { seen = 1; if (f == 0) f = $4; if ($6 == b) row($2, $3, $7, $8); else row($2, $3, 0, 0) }
                        END { if (!seen) row(0, 0, 0, 0) }' "$tally" >"$tally.new" && mv "$tally.new" "$tally"
        ) 9>"$FUZZ_DIR/lock/.tally" || { echo "$tally: cannot be written" >&2; exit 5; }
}

# Findings of NAME that this build takes without complaint go to mended/; true if none is left.
recheck() {
        local f left=0
        while read -r f; do
                if (ulimit -t 60; exec "$FB/fuzz/$1_fuzzer" -timeout=60 -rss_limit_mb=2048 "$f") >"$FUZZ_DIR/logs/$1.recheck" 2>&1; then
                        mv "$f" "$FUZZ_DIR/mended/" && echo "$1: $(basename "$f"): nothing wrong with this build" >&2
                else
                        left=$((left + 1))
                fi
        done < <(findings "$1")
        [ "$left" -eq 0 ]
}

# spent PID: whole processor seconds of a process, nothing when it has ended
spent() { awk -v hz="$(getconf CLK_TCK)" '$3 != "Z" { print int(($14 + $15) / hz) }' "/proc/$1/stat" 2>/dev/null; }

# run NAME SECONDS: one slice, entered into the tally. False if the target has an open finding or did not run.
run() {
        local t=$1 log=$FUZZ_DIR/logs/$1.log build before seconds=0 s status executions features seeds
        build=$(build_of "$t") before=$(field "$t" 6)
        [ "$before" = 0 ] || [ "$before" = "$build" ] || echo "$t: changed since its last run ($before, now $build; $(field "$t" 2) s before that)" >&2
        if ! recheck "$t"; then
                echo "$t: an open finding, set aside: $(findings "$t" | head -n 1)" >&2
                enter "$t" "$build" 0 0 0
                return 1
        fi
        mkdir -p "$FUZZ_DIR/corpus/$t"
        seeds=()
        [ ! -d "fuzz/corpus/$t" ] || seeds=("fuzz/corpus/$t")
        "${idle[@]}" "$FB/fuzz/${t}_fuzzer" -timeout="$limit" -report_slow_units="$limit" -rss_limit_mb=2048 -print_final_stats=1 \
                -artifact_prefix="$FUZZ_DIR/findings/$t-" "$FUZZ_DIR/corpus/$t" "${seeds[@]}" >"$log" 2>&1 </dev/null {lock}>&- &
        child=$!
        while s=$(spent "$child") && [ -n "$s" ]; do
                seconds=$s
                if [ -n "$stop" ] || [ "$seconds" -ge "$2" ]; then kill -USR1 "$child" 2>/dev/null; fi # ends after the input it is at
                sleep 1
        done
        wait "$child"
        status=$?
        child=''
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p; s/^#\([0-9]*\)[^0-9].*/\1/p' "$log" | tail -n 1)
        features=$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        # a time-out of a machine that had no time is none
        [ $status -eq 0 ] || cp "$log" "$FUZZ_DIR/logs/$t.status-$status"
        recheck "$t"
        enter "$t" "$build" "$seconds" "${executions:-0}" "${features:-0}"
        printf '%s  %-20s +%s s, %s executions, %s features; %s s in all\n' "$(date +%T)" "$t" "$seconds" "${executions:-0}" "${features:-0}" "$(field "$t" 2)"
        if [ -n "$(findings "$t")" ]; then
                echo "$t: FINDING $(findings "$t" | head -n 1) ($FUZZ_DIR/logs/$t.status-$status)" >&2
                return 1
        fi
        if [ -z "${executions:-}" ] && [ -z "$stop" ]; then
                echo "$t: did not run, status $status: $(tail -n 1 "$log")" >&2
                return 1
        fi
}

# work SECONDS NAME...: until nothing is left that could be run
work() {
        local goal=$1 t s next lock seconds aside=' '
        shift
        trap 'stop=1' INT TERM
        while [ -z "$stop" ]; do
                next=''
                while read -r s t; do
                        [ "$s" -lt "$goal" ] && [[ $aside != *" $t "* ]] || continue
                        exec {lock}>"$FUZZ_DIR/lock/$t"
                        flock -n "$lock" && next=$t && break
                        exec {lock}>&-
                done < <(for t; do echo "$(had "$t" "${builds[$t]}") $t"; done | sort -s -n -k1,1)
                [ -n "$next" ] || break
                seconds=$((goal - $(had "$next" "${builds[$next]}")))
                [ $seconds -lt "$slice" ] || seconds=$slice
                run "$next" "$seconds" || { aside+="$next "; bad=1; }
                exec {lock}>&-
        done
        return $bad
}

show() {
        awk -F'\t' -v names=" $* " '
                NR == 1 { printf "%-22s %8s %14s %9s %9s  %s\n", "target", "seconds", "executions", "features", "findings", "of them with the present build"; next }
                index(names, " " $1 " ") { printf "%-22s %8d %14.0f %9d %9d  %d s, %.0f\n", $1, $2, $3, $4, $5, $7, $8
                        n++; s += $2; x += $3; open += $5; if (least == "" || $2 < least) least = $2 }
                END { printf "%d targets, %d s, %.0f executions, %d open findings; the fewest: %d s\n", n, s, x, open, least; exit open > 0 }' "$tally"
}

what=$1
shift
case $what in
once)
        lock=9 && exec 9>"$FUZZ_DIR/lock/$2"
        flock -n 9 || { echo "$2: another run has it" >&2; exit 5; }
        trap 'stop=1' INT TERM
        run "$2" "$1"
        status=$?
        grep -E '^stat::|^SUMMARY' "$FUZZ_DIR/logs/$2.log"
        exit $status ;;
long)
        goal=$1
        shift
        declare -A builds
        for t; do builds[$t]=$(build_of "$t"); done
        workers=()
        trap 'stop=1; kill -TERM "${workers[@]}" 2>/dev/null' INT TERM
        for ((j = 0; j < jobs; j++)); do
                work "$goal" "$@" &
                workers+=($!)
        done
        for w in "${workers[@]}"; do
                wait "$w"
                while kill -0 "$w" 2>/dev/null; do wait "$w"; done # a signal ends a wait before its time
                wait "$w" || bad=1
        done
        show "$@" || bad=1
        [ -z "$stop" ] || { echo "stopped; make fuzz-long goes on from here" >&2; exit 130; }
        exit $bad ;;
tally) show "$@" ;;
min)
        for t; do
                [ -d "$FUZZ_DIR/corpus/$t" ] || continue
                rm -rf "$FUZZ_DIR/corpus/$t.new"
                mkdir "$FUZZ_DIR/corpus/$t.new" || exit 5
                before=$(find "$FUZZ_DIR/corpus/$t" -type f | wc -l)
                "$FB/fuzz/${t}_fuzzer" -merge=1 -rss_limit_mb=2048 "$FUZZ_DIR/corpus/$t.new" "$FUZZ_DIR/corpus/$t" >"$FUZZ_DIR/logs/$t.min" 2>&1 ||
                        { echo "$t: merge failed: $FUZZ_DIR/logs/$t.min" >&2; bad=1; continue; }
                rm -rf "$FUZZ_DIR/corpus/$t" && mv "$FUZZ_DIR/corpus/$t.new" "$FUZZ_DIR/corpus/$t" || exit 5
                echo "$t: $before inputs, $(find "$FUZZ_DIR/corpus/$t" -type f | wc -l) kept"
        done
        exit $bad ;;
*) echo "run.sh once|long|tally|min" >&2; exit 2 ;;
esac
