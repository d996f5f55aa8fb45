#!/bin/bash
# make bench: how fast, as ratios to a peer or to the least that is possible, all measured in this run
# with both sides taking turns; medians. Never fails because something is slow.
#   BENCH_DIR      where the files go (default: /dev/shm if there, else a temporary folder; a disk measures the disk)
#   BENCH_DEVICES  devices of a batch (10000); BENCH_ROUNDS (5); BENCH_MANY (100000: of the memory figure)
#   NVS_PARTITION_GEN  nvs_partition_gen.py, if it is not installed as a Python module
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -u
cd "$(dirname "$0")/../.." || exit 5
: "${BIN:?}" "${O:?}" "${CC:=cc}"
devices=${BENCH_DEVICES:-10000} rounds=${BENCH_ROUNDS:-5} many=${BENCH_MANY:-100000}
base=${BENCH_DIR:-/dev/shm}
[ -d "$base" ] && [ -w "$base" ] || base=${TMPDIR:-/tmp}
B=$(mktemp -d "$base/fctry-bench.XXXXXX") || exit 5
trap 'rm -rf "$B"' EXIT
mkdir -p "$O/bench"
for prog in timeit bare_loop; do
        # shellcheck disable=SC2086
        $CC -O2 -D_GNU_SOURCE -o "$O/bench/$prog" tests/bench/$prog.c || exit 1
done
PATH=$BIN:$O/bench:$PATH

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print "?" }'; }
row() { printf '%-58s %12s %12s %8s  %s\n' "$@"; }
# ratio FIGURE OURS PEER TARGET: ours / peer, at most TARGET
ratio() { row "$1" "$2 s" "$3 s" "$(awk -v a="$2" -v b="$3" 'BEGIN { printf "%.2f", a / b }')" "${4:+at most $4}"; }

# values COUNT: the outlet's factory data, credentials of the usual length in the cells themselves
values() {
        awk -v n="$1" 'BEGIN {
                srand(7)
                hex = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                for (l = 0; l < 64; l++) { line[l] = ""; for (i = 0; i < 64; i++) line[l] = line[l] substr(hex, 1 + int(rand() * 64), 1) }
                print "serial_no,cert,priv_key,hw_rev,calib,batch"
                for (d = 1; d <= n; d++) {
                        printf "SO-%06d,\"-----BEGIN CERTIFICATE-----\n", d
                        for (i = 0; i < 15; i++) print line[(d * 7 + i * i) % 64]
                        printf "-----END CERTIFICATE-----\n\",\"-----BEGIN EC PRIVATE KEY-----\n"
                        for (i = 0; i < 3; i++) print line[(d * 11 + i * 5) % 64]
                        printf "-----END EC PRIVATE KEY-----\n\",%d,%d,%d\n", d % 3, d * 17 % 4001 - 2000, d
                }
        }'
}
cat >"$B/conf.csv" <<'CONF'
mfg_ns,namespace,
serial_no,data,string
cert,data,string
priv_key,data,string
hw_rev,data,u8
calib,data,i32
batch,data,u32
CONF
values "$devices" >"$B/values.csv"
nvsgen -q generate-key --keyfile k.bin --outdir "$B/keyfile" || exit 1

# batch NAME TARGET OPTIONS...: against the bare loop, without and with waiting for the disk
batch() {
        local name=$1 target=$2 sync i ours bare
        shift 2
        for sync in no-sync sync; do
                ours=() bare=()
                if [ $sync = sync ]; then bare=(-s); else ours=(--no-sync); fi
                : >"$B/ours.txt"
                : >"$B/bare.txt"
                for ((i = 0; i < rounds; i++)); do
                        rm -rf "$B/ours" "$B/bare"
                        timeit nvsgen batch "$B/conf.csv" "$B/values.csv" outlet 0x6000 --fileid serial_no --outdir "$B/ours" -q \
                                "${ours[@]}" "$@" >>"$B/ours.txt" || { echo "batch failed" >&2; exit 1; }
                        bare_loop "${bare[@]}" "$B/ours" "$B/bare" >>"$B/bare.txt"
                done
                ratio "$devices devices, $name, $sync" "$(median <"$B/ours.txt")" "$(median <"$B/bare.txt")" "$target"
        done
        if [ "$target" = 1.3 ]; then
                : >"$B/ours.txt"
                for ((i = 0; i < rounds; i++)); do
                        timeit nvsgen batch "$B/conf.csv" "$B/values.csv" outlet 0x6000 --fileid serial_no --outdir "$B/ours" -q >>"$B/ours.txt"
                done
                row "$devices devices, nothing left to do (all kept)" "$(median <"$B/ours.txt") s" - - -
        fi
        rm -rf "$B/ours" "$B/bare"
}

# memory: the same batch with few and with many devices; images are not kept, only made
memory() {
        local few=1000 a b
        values $few >"$B/few.csv"
        values "$many" >"$B/many.csv"
        a=$(timeit nvsgen batch "$B/conf.csv" "$B/few.csv" m 0x3000 --outdir "$B/few" -q --no-sync --no-csv --jobs 2 | cut -d' ' -f2)
        rm -rf "$B/few"
        b=$(timeit nvsgen batch "$B/conf.csv" "$B/many.csv" m 0x3000 --outdir "$B/many" -q --no-sync --no-csv --jobs 2 | cut -d' ' -f2)
        rm -rf "$B/many" "$B/many.csv"
        row "memory: $many devices against $few" "$b KiB" "$a KiB" "$(awk -v a="$b" -v b="$a" 'BEGIN { printf "%.2f", a / b }')" "flat: about 1"
}

# one image: whole processes
one_image() {
        local i peer
        values 1 >"$B/one.values.csv"
        nvsgen batch -q "$B/conf.csv" "$B/one.values.csv" one 0x6000 --outdir "$B/one"
        cp "$B/one/csv/one-1.csv" "$B/one.csv"
        if ! nvsgen -q "$B/one.csv" "$B/one.bin" 0x6000; then
                row "one 24 KiB image, whole process" "failed" - - -
                return
        fi
        if [ -n "${NVS_PARTITION_GEN:-}" ] && [ -r "$NVS_PARTITION_GEN" ] && python3 -c 'import cryptography' 2>/dev/null; then
                peer="python3 $NVS_PARTITION_GEN"
        elif python3 -c 'import esp_idf_nvs_partition_gen' 2>/dev/null; then
                peer="python3 -m esp_idf_nvs_partition_gen"
        else
                peer=
        fi
        : >"$B/ours.txt"
        : >"$B/bare.txt"
        for ((i = 0; i < 4 * rounds + 1; i++)); do
                timeit nvsgen generate "$B/one.csv" "$B/one.bin" 0x6000 >>"$B/ours.txt"
                # shellcheck disable=SC2086
                [ -z "$peer" ] || timeit $peer generate "$B/one.csv" "$B/peer.bin" 0x6000 >>"$B/bare.txt"
        done
        if [ -z "$peer" ]; then
                row "one 24 KiB image, whole process" "$(median <"$B/ours.txt") s" "peer absent" - "40 times faster"
        elif ! cmp -s "$B/one.bin" "$B/peer.bin"; then
                row "one 24 KiB image, whole process" "differs" "from the peer" - "40 times faster"
        else
                row "one 24 KiB image, whole process" "$(median <"$B/ours.txt") s" "$(median <"$B/bare.txt") s" \
                        "$(awk -v a="$(median <"$B/bare.txt")" -v b="$(median <"$B/ours.txt")" 'BEGIN { printf "%.0f x", a / b }')" "40 times faster"
        fi
}

echo "$(nproc) processors; files in $base ($(df --output=fstype "$base" | tail -n 1)); medians of $rounds"
row figure ours peer ratio target
batch "plain" 1.3
batch "encrypted with one key" 2 --inputkey "$B/keyfile/keys/k.bin"
batch "a key each" "" --keygen
one_image
memory
bash tests/bench/flasher.sh
bash tests/bench/line.sh
. tests/bench/certgen.sh
. tests/bench/provcli.sh
