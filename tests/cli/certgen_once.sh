#!/usr/bin/env bash
# Exactly once: two processes at the same time, kill -9 at random moments, lists with mistakes, a disk that fills up.
# shellcheck source=tests/lib.sh
. tests/lib.sh
command -v openssl >/dev/null || { skip certgen_once "openssl is not installed"; finish; exit; }

cd "$T" || exit 5
certgen -q ca --no-passphrase ca >/dev/null 2>&1

# judge NAME DIR N: N devices in values.csv, each once; every serial number, name and key once in the index;
# all verified by openssl and by certgen; no temporary left
judge() {
        local name=$1 dir=$2 n=$3 bad=
        [ "$(tail -n +2 "$dir/values.csv" | cut -d, -f1 | sort -u | wc -l)" -eq "$n" ] || bad="$bad rows"
        certgen list >list.txt
        [ -z "$(cut -f2 list.txt | sort | uniq -d)" ] || bad="$bad names-twice"
        [ -z "$(cut -f3 list.txt | sort | uniq -d)" ] || bad="$bad serials-twice"
        [ "$(find "$dir/devices" -name '*.crt' | wc -l)" -eq "$n" ] || bad="$bad certificates"
        [ "$(find "$dir/devices" -name '*.key' -size +0 | wc -l)" -eq "$n" ] || bad="$bad keys"
        [ -z "$(find "$dir" -name '.fctry-*')" ] || bad="$bad temporaries"
        find "$dir/devices" -name '*.crt' -print0 | xargs -0 certgen verify >verify.txt 2>&1 || bad="$bad verify"
        [ "$(grep -c 'good, and its key' verify.txt)" -eq "$n" ] || bad="$bad unverified"
        find "$dir/devices" -name '*.crt' -print0 | xargs -0 openssl verify -CAfile ca/root.crt -untrusted ca/issuing.crt >/dev/null 2>&1 ||
                bad="$bad openssl"
        # what the index says of a device is what lies on the disk
        while IFS= read -r crt; do
                serial=$(openssl x509 -in "$crt" -noout -serial | tr 'A-F' 'a-f')
                grep -q "${serial#*=}" list.txt || bad="$bad $crt-not-in-index"
        done < <(find "$dir/devices" -name '*.crt' | sort | head -5)
        if [ -z "$bad" ]; then pass "$name"; else fail "$name" "$bad" "$(grep -v good verify.txt | head -5)"; fi
}

# two processes, the same devices
certgen -q batch --count 300 --cn 'A-%03u' --out both >/dev/null 2>err1 &
one=$!
certgen -q batch --count 300 --cn 'A-%03u' --out both >/dev/null 2>err2 &
two=$!
wait $one; s1=$?
wait $two; s2=$?
if [ $s1 -eq 0 ] && [ $s2 -eq 0 ]; then pass "two processes: both end well"; else fail "two processes" "$s1 $s2" "$(cat err1 err2)"; fi
judge "two processes: each device once" both 300

# two processes, overlapping ranges
certgen -q batch --count 200 --start 1 --cn 'B-%03u' --out over >/dev/null 2>err1 &
one=$!
certgen -q batch --count 200 --start 101 --cn 'B-%03u' --out over2 >/dev/null 2>err2 &
two=$!
wait $one; s1=$?
wait $two; s2=$?
# the keys of the overlap lie in one of the folders: the other run says so and stops
if [ $((s1 + s2)) -eq 1 ]; then pass "an overlap into another folder is refused by one"; else fail "overlap" "$s1 $s2" "$(cat err1 err2)"; fi
check "and names the folder of the key" grep -q 'its key went to' err1 err2

# kill -9 at random moments until it is done; on a slow machine until something has come of it
kills=0
for round in $(seq 60); do
        [ "$round" -gt 24 ] && [ -n "$(find killed/devices -name '*.crt' 2>/dev/null | head -n 1)" ] && break
        certgen -q batch --count 400 --cn 'K-%03u' --prov --out killed >/dev/null 2>err &
        pid=$!
        pause "0.0$((RANDOM % 9 + 1))"
        [ "$round" -gt 12 ] && pause "0.$((RANDOM % 9))"
        [ "$round" -gt 24 ] && pause $((round - 24))
        if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
        wait $pid 2>/dev/null && break
done
check "was killed at least ten times" test "$kills" -ge 10
check "no values.csv while unfinished, or a whole one" sh -c '[ ! -e killed/values.csv ] || [ "$(wc -l <killed/values.csv)" -eq 401 ]'
find killed/devices -name '*.crt' -exec sha256sum {} + 2>/dev/null | sort >survived.txt
run certgen -q batch --count 400 --cn 'K-%03u' --prov --out killed
expect "the same command finishes the job" 0
judge "killed $kills times: each device once" killed 400
check "what survived was kept, not made again" sha256sum -c --quiet survived.txt
check "every proof of possession is there" test "$(find killed/devices -name '*.prov' -size +0 | wc -l)" -eq 400
cp killed/values.csv v1.csv
run certgen -q batch --count 400 --cn 'K-%03u' --prov --out killed
same "run again: the same values.csv" killed/values.csv v1.csv

# an interrupt is not a crash
certgen -q batch --count $((3000 / SLOW)) --cn 'I-%04u' --out intr >/dev/null 2>err &
pid=$!
pause 0.15
kill -INT $pid
wait $pid
s=$?
if [ $s -eq 5 ] || [ $s -eq 0 ]; then pass "interrupted: status 5"; else fail "interrupted" "$s" "$(cat err)"; fi
run certgen -q batch --count $((3000 / SLOW)) --cn 'I-%04u' --out intr
expect "interrupted: the same command finishes" 0

# lists
printf 'mac,serial_no,room\n02:00:00:00:00:01,L-1,"a, b"\n02:00:00:00:00:02,L-2,c\n' >good.csv
run certgen -q batch --devices good.csv --out list --column cert=P11_Cert
expect "a list" 0
check "columns of the list are carried over" grep -q '^L-1,.*/L-1.crt,.*/L-1.key,02:00:00:00:00:01,"a, b"$' list/values.csv
check "--column renames" grep -q '^serial_no,P11_Cert,priv_key,mac,room$' list/values.csv
check "values.csv is secret" test "$(stat -c %a list/values.csv)" = 600
printf 'cn\nM-1\nM-2\nM-1\n' >twice.csv
run certgen -q batch --devices twice.csv --out twice
expect "a duplicate row: line numbers" 1 'twice.csv:4: the same name as in line 2'
check "nothing was made" test ! -e twice
printf 'cn,x\nM-1\nM-2,1\n,2\n' >short.csv
run certgen -q batch --devices short.csv --out short
expect "a short row and an empty name" 1 'short.csv:2: 1 fields'
expect "both are named in one run" 1 'short.csv:4:1: a name is missing'
printf 'name\nM-1\n' >nocol.csv
run certgen -q batch --devices nocol.csv --out nocol
expect "no column for the name" 1 'cn-column'
run certgen -q batch --devices nocol.csv --cn-column name --out nocol
expect "--cn-column" 0
printf 'cn\n' >none.csv
run certgen -q batch --devices none.csv
expect "a list without devices" 1 'no device'
run certgen -q batch --count 5 --cn 'SO'
expect "a template without a number" 1 'one number'
run certgen -q batch --count 2 --cn 'N-%u' --inline --encoding der --out inline
expect "--inline --encoding der" 0
check "base64 in the row is the certificate" sh -c \
        'sed -n 2p inline/values.csv | cut -d, -f2 | openssl base64 -d -A | openssl x509 -inform der -noout -subject | grep -q N-1'
check "config.csv says base64" grep -q '^cert,data,base64$' inline/config.csv

# a disk that fills up
mkdir small
if mount -t tmpfs -o size=400k tmpfs small 2>/dev/null; then
        run certgen -q batch --count 500 --cn 'F-%03u' --out small/out
        expect "disk full: one line, status 5" 5 'No space left|free some space'
        check "no values.csv" test ! -e small/out/values.csv
        check "no empty key" test -z "$(find small -name '*.key' -size 0)"
        mount -o remount,size=20m small
        run certgen -q batch --count 500 --cn 'F-%03u' --out small/out
        expect "with space again the job is finished" 0
        judge "after a full disk: each device once" small/out 500
        umount small
else
        skip "disk full" "no small file system can be mounted here"
fi
finish
