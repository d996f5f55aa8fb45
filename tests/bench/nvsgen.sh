#!/bin/bash
# nvsgen's batch against a bare loop that creates the same files with the same bytes, and one image against Espressif's
# generator as a whole process.
#   NVS_PARTITION_GEN  nvs_partition_gen.py, if it is not installed as a Python module (esp-idf-nvs-partition-gen)
. tests/bench/lib.sh
devices=${BENCH_DEVICES:-10000} many=${BENCH_MANY:-100000}

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

# batch WHERE NAME TARGET OPTIONS...: against the bare loop, without and with waiting for the disk; WHERE: memory (this
# bench's folder, usually) or disk (beside the build). Nothing is deleted between the rounds: ext4 passes over inodes that
# were deleted in the last minutes one by one, and would be measured at that.
batch() {
        local where=$1 name=$2 target=$3 at sync i ours bare
        shift 3
        at=$W
        [ "$where" = memory ] || at=$DISK
        for sync in no-sync sync; do
                saying "$devices devices, $name, $where, $sync"
                ours=() bare=()
                if [ $sync = sync ]; then bare=(-s); else ours=(--no-sync); fi
                : >"$W/ours.txt"
                : >"$W/bare.txt"
                for ((i = 0; i < rounds; i++)); do
                        last=$at/$((++batches))
                        mkdir "$last"
                        timeit nvsgen batch "$W/conf.csv" "$W/values.csv" outlet 0x6000 --fileid serial_no --outdir "$last/ours" -q \
                                "${ours[@]}" "$@" >>"$W/ours.txt"
                        bare_loop "${bare[@]}" "$last/ours" "$last/bare" >>"$W/bare.txt"
                        # what lies in memory has to go, or there would soon be none
                        [ "$where" != memory ] || rm -rf "${at:?}/$((batches - 1))"
                done
                figure "$devices devices, $name, $where, $sync; a bare loop" "$(median <"$W/ours.txt" | seconds)" \
                        "$(median <"$W/bare.txt" | seconds)" ours/peer "$target"
        done
}

# the same once more: what a batch costs of which nothing is left to do
again() {
        local i
        : >"$W/ours.txt"
        for ((i = 0; i < rounds; i++)); do
                timeit nvsgen batch "$W/conf.csv" "$W/values.csv" outlet 0x6000 --fileid serial_no --outdir "$last/ours" -q >>"$W/ours.txt"
        done
        figure "$devices devices, nothing left to do (all kept)" "$(median <"$W/ours.txt" | seconds)" - - -
}

# memory: the same batch with few and with many devices; images are not kept, only made
memory() {
        local few=1000 count
        for count in "$few" "$many"; do
                saying "memory of $count devices"
                values "$count" >"$W/few.csv"
                timeit nvsgen batch "$W/conf.csv" "$W/few.csv" m 0x3000 --outdir "$W/few" -q --no-sync --no-csv --jobs 2 >"$W/mem-$count.txt"
                rm -rf "$W/few" "$W/few.csv"
        done
        figure "memory: $many devices; $few" "$(cut -d' ' -f2 "$W/mem-$many.txt") KiB" "$(cut -d' ' -f2 "$W/mem-$few.txt") KiB" ours/peer "<= 1.25"
}

# one image: whole processes
one_image() {
        local i python peer=() theirs="set NVS_PARTITION_GEN"
        saying "one image"
        values 1 >"$W/one.values.csv"
        nvsgen batch -q "$W/conf.csv" "$W/one.values.csv" one 0x6000 --outdir "$W/one"
        cp "$W/one/csv/one-1.csv" "$W/one.csv"
        if python=$(python_with cryptography) && [ -n "${NVS_PARTITION_GEN:-}" ]; then
                peer=("$python" "$NVS_PARTITION_GEN")
        elif python=$(python_with esp_idf_nvs_partition_gen); then
                peer=("$python" -m esp_idf_nvs_partition_gen)
        fi
        : >"$W/ours.txt"
        : >"$W/bare.txt"
        for ((i = 0; i < 4 * rounds + 1; i++)); do
                timeit nvsgen generate "$W/one.csv" "$W/one.bin" 0x6000 >>"$W/ours.txt"
                [ ${#peer[@]} -eq 0 ] || timeit "${peer[@]}" generate "$W/one.csv" "$W/peer.bin" 0x6000 >>"$W/bare.txt"
        done
        if [ ${#peer[@]} -gt 0 ]; then
                cmp "$W/one.bin" "$W/peer.bin" # the same work, or there is nothing to compare
                theirs=$(median <"$W/bare.txt" | seconds)
        fi
        figure "one 24 KiB image, whole process; nvs_partition_gen.py" "$(median <"$W/ours.txt" | awk '{ printf "%.5f s", $1 }')" "$theirs" peer/ours ">= 40"
}

cat >"$W/conf.csv" <<'CONF'
mfg_ns,namespace,
serial_no,data,string
cert,data,string
priv_key,data,string
hw_rev,data,u8
calib,data,i32
batch,data,u32
CONF
values "$devices" >"$W/values.csv"
nvsgen -q generate-key --keyfile k.bin --outdir "$W/keyfile"
DISK=$(mktemp -d "$O/bench/disk.XXXXXX")
trap 'at_end rm -rf "$DISK"' EXIT
batches=0
batch memory "plain" "<= 1.3"
again
batch memory "one key" "<= 2" --inputkey "$W/keyfile/keys/k.bin"
batch memory "a key each" - --keygen
rm -rf "$last"
if [ "$(df --output=target "$DISK" | tail -n 1)" != "$(df --output=target "$W" | tail -n 1)" ]; then
        batch disk "plain" "<= 1.3"
        batch disk "one key" "<= 2" --inputkey "$W/keyfile/keys/k.bin"
fi
one_image
memory
