#!/bin/bash
# certgen batch against a bare loop of the same keys and certificates.
# The ordinary loop makes the same certificates with OpenSSL's usual calls; the lean one makes keys, signatures and
# as many PEM bytes, but no certificates, and says how far the rest could still shrink.
. tests/bench/lib.sh
devices=${BENCH_DEVICES:-10000} many=${BENCH_MANY:-100000}
cpus=$(nproc)
$CC -O2 -D_GNU_SOURCE -o "$O/bench/certgen_bare" tests/bench/certgen_bare.c -lcrypto -pthread
certgen -q ca --no-passphrase "$W/ca" >/dev/null

# batch COUNT: with a fresh copy of the CA
batch() {
        rm -rf "$W/fleet" "$W/fleet-ca"
        cp -r "$W/ca" "$W/fleet-ca"
        timeit certgen -q --ca "$W/fleet-ca" batch --count "$1" --cn 'SO-%06u' --out "$W/fleet"
}
# bare [lean]
bare() {
        rm -rf "$W/loop"
        mkdir "$W/loop"
        timeit certgen_bare "$W/ca/issuing.crt" "$W/ca/issuing.key" "$devices" "$W/loop" "$cpus" "$@"
}

for ((i = 0; i < rounds; i++)); do
        saying "$devices devices, round $((i + 1)) of $rounds"
        batch "$devices" >>"$W/ours.txt"
        bare >>"$W/bare.txt"
        bare lean >>"$W/lean.txt"
done
ours=$(median <"$W/ours.txt" | seconds)
figure "$devices P-256 devices; a loop of OpenSSL's usual calls" "$ours" "$(median <"$W/bare.txt" | seconds)" ours/peer "<= 1.18"
figure "  the same; keys, signatures and PEM bytes alone" "$ours" "$(median <"$W/lean.txt" | seconds)" ours/peer -
few=$(((many + 19) / 20))
saying "memory of $few and $many devices"
batch $few >"$W/few.txt"
batch "$many" >"$W/many.txt"
figure "memory: $many devices; $few" "$(cut -d' ' -f2 "$W/many.txt") KiB" "$(cut -d' ' -f2 "$W/few.txt") KiB" ours/peer "<= 1.25"
