# shellcheck shell=bash
# Sourced by run.sh: certgen batch against a bare loop of the same keys and certificates.
# The ordinary loop makes the same certificates with OpenSSL's usual calls; the lean one makes keys, signatures and
# as many PEM bytes, but no certificates, and says how far the rest could still shrink.

certgen_bench() {
        local i ours bare lean few many_kib cpus
        # shellcheck disable=SC2086
        if ! $CC -O2 -D_GNU_SOURCE -o "$O/bench/certgen_bare" tests/bench/certgen_bare.c -lcrypto -pthread; then
                row "certgen batch, P-256" "-" "not built" - -
                return
        fi
        cpus=$(nproc)
        certgen -q ca --no-passphrase "$B/ca" >/dev/null 2>&1 || return
        : >"$B/ours.txt"
        : >"$B/bare.txt"
        : >"$B/lean.txt"
        for ((i = 0; i < rounds; i++)); do
                rm -rf "$B/fleet" "$B/loop" "$B/fleet-ca"
                cp -r "$B/ca" "$B/fleet-ca"
                mkdir "$B/loop"
                timeit certgen -q --ca "$B/fleet-ca" batch --count "$devices" --cn 'SO-%06u' --out "$B/fleet" >>"$B/ours.txt"
                timeit certgen_bare "$B/ca/issuing.crt" "$B/ca/issuing.key" "$devices" "$B/loop" "$cpus" >>"$B/bare.txt"
                rm -rf "$B/loop"
                mkdir "$B/loop"
                timeit certgen_bare "$B/ca/issuing.crt" "$B/ca/issuing.key" "$devices" "$B/loop" "$cpus" lean >>"$B/lean.txt"
        done
        ours=$(median <"$B/ours.txt") bare=$(median <"$B/bare.txt") lean=$(median <"$B/lean.txt")
        ratio "$devices P-256 devices: certgen batch" "${ours%% *}" "${bare%% *}" 1.18
        ratio "  against keys, signatures and PEM bytes alone" "${ours%% *}" "${lean%% *}" ""
        rm -rf "$B/fleet" "$B/loop" "$B/fleet-ca"
        cp -r "$B/ca" "$B/fleet-ca"
        few=$(timeit certgen -q --ca "$B/fleet-ca" batch --count $((many / 20)) --cn 'SO-%06u' --out "$B/fleet" | cut -d' ' -f2)
        rm -rf "$B/fleet" "$B/fleet-ca"
        cp -r "$B/ca" "$B/fleet-ca"
        many_kib=$(timeit certgen -q --ca "$B/fleet-ca" batch --count "$many" --cn 'SO-%06u' --out "$B/fleet" | cut -d' ' -f2)
        rm -rf "$B/fleet" "$B/fleet-ca"
        row "certgen memory: $many devices against $((many / 20))" "$many_kib KiB" "$few KiB" \
                "$(awk -v a="$many_kib" -v b="$few" 'BEGIN { printf "%.2f", a / b }')" "flat: about 1"
}
certgen_bench
