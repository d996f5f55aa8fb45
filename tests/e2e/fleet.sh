#!/usr/bin/env bash
# A thousand devices: certgen batch, nvsgen batch, nvsgen verify; and what was verified is really checked.
# shellcheck source=tests/lib.sh
. tests/lib.sh
command -v nvsgen >/dev/null || { skip fleet "no nvsgen in $BIN"; finish; exit; }
cd "$T" || exit 5
n=1000

certgen -q ca --no-passphrase ca >/dev/null
run certgen batch --count $n --cn 'SO-%06u' --prov --out fleet
expect "certgen batch: $n devices" 0 "$n devices: $n new"
run nvsgen batch fleet/config.csv fleet/values.csv outlet 0x6000 --fileid serial_no --outdir fleet
expect "nvsgen batch: $n images" 0
check "one image a device" test "$(find fleet/bin -name 'outlet-SO-*.bin' | wc -l)" -eq $n

bad=0 good=0
for i in $(seq 1 $n); do
        serial=$(printf 'SO-%06u' "$i")
        if nvsgen verify -q "fleet/bin/outlet-$serial.bin" "fleet/csv/outlet-$serial.csv" >/dev/null 2>>verify.err; then
                good=$((good + 1))
        else
                bad=$((bad + 1))
        fi
done
check "nvsgen verify: all $n images hold what their row says" test $good -eq $n -a $bad -eq 0
run nvsgen verify -q fleet/bin/outlet-SO-000001.bin fleet/csv/outlet-SO-000002.csv
expect "another device's row is not what an image holds" 4
run certgen verify fleet/devices/SO-*.crt
expect "certgen verify: every key belongs to its certificate" 0
check "all $n of them" test "$(grep -c 'good, and its key' "$T/stdout")" -eq $n
check "no proof of possession twice" test -z "$(cut -d, -f4 fleet/values.csv | sort | uniq -d)"
run nvsgen dump fleet/bin/outlet-SO-000001.bin
expect "the keys that the outlet reads" 0 'sec2_verifier'
run certgen batch --count $n --cn 'SO-%06u' --prov --out fleet
expect "the same batch again makes nothing new" 0 "$n devices: 0 new, $n had theirs before"
run nvsgen batch fleet/config.csv fleet/values.csv outlet 0x6000 --fileid serial_no --outdir fleet
expect "and nvsgen finds its images made" 0

# certificate and key in the row itself give the same image
certgen -q batch --count 3 --cn 'SO-%06u' --prov --inline --out fleet >/dev/null
run nvsgen batch fleet/config.csv fleet/values.csv outlet 0x6000 --fileid serial_no --outdir inline
expect "--inline: nvsgen batch takes it" 0
same "--inline: the same image" inline/bin/outlet-SO-000002.bin fleet/bin/outlet-SO-000002.bin
finish
