#!/usr/bin/env bash
# flasher against the virtual board: every command over every kind of port, and what can go wrong on a line.
. tests/lib.sh
export XDG_STATE_HOME=$T/state
trap 'kill "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$T"' EXIT

stop() {
        local pid
        [ -f "$T/pid" ] || return 0
        pid=$(cat "$T/pid")
        kill "$pid" 2>/dev/null
        # its files are free when the process is gone
        for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
        rm -f "$T/pid"
}
# board OPTION...: the board with all ports; flash and eFuses stay (fresh: new ones)
board() {
        stop
        vboard --flash "$T/flash" --efuse "$T/efuse" --control "$T/c" --pty "$T/tty" --tcp 127.0.0.1:0 \
                --rfc2217 127.0.0.1:0 --daemon --pid-file "$T/pid" --json "$@" >"$T/ready" || exit 1
        P=$(url rfc2217)
}
fresh() { stop; rm -f "$T/flash" "$T/efuse"; board "$@"; }
url() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$T/ready"; }
f() { run timeout 100 flasher -p "$P" "$@"; }
at() { tail -c +$(($1 + 1)) "$T/flash" | head -c "$2"; }
there() { # there NAME OFFSET FILE
        if cmp -s "$3" <(at "$2" "$(stat -c %s "$3")"); then pass "$1"; else fail "$1" "$(cmp "$3" <(at "$2" "$(stat -c %s "$3")") 2>&1)"; fi
}

G=tests/golden/image
cat tests/unit/*.c | head -c 150001 >"$T/app"
{ head -c 70000 "$T/app"; head -c 100 /dev/zero; tail -c +70101 "$T/app"; } >"$T/app2"
head -c 20000 "$BIN/vboard" >"$T/raw"

# 1. what it is, on every kind of port
fresh --download
for kind in pty tcp rfc2217; do
        P=$(url $kind)
        f chip-id
        expect "$kind: chip-id" 0 'ESP32-C3 \(QFN32\) \(revision v0.4\)'
        f read_mac
        expect "$kind: read_mac" 0 '^MAC: 24:0a:c4:00:00:01$'
        f flash-id
        expect "$kind: flash-id" 0 'Detected flash size: 4MB'
        f write-flash 0x10000 "$T/app" 0x60000 "$T/raw"
        expect "$kind: write-flash" 0 'written and verified'
        there "$kind: it is on the flash" 65536 "$T/app"
        f verify_flash 0x10000 "$T/app"
        expect "$kind: verify_flash" 0
        f read-flash 0x10000 5001 "$T/out"
        expect "$kind: read-flash" 0
        same "$kind: read-flash gives what is there" "$T/out" <(head -c 5001 "$T/app")
        f erase-region 0x11000 0x1000
        expect "$kind: erase-region" 0
        f verify-flash 0x10000 "$T/app"
        expect "$kind: verify-flash sees it" 4 'does not hold'
        f write-flash -u 0x10000 "$T/app"
        expect "$kind: write-flash -u" 0
        there "$kind: and it is whole again" 65536 "$T/app"
done
f --json read-mac
expect "read-mac for scripts" 0 '^\{"v":1,"event":"mac","mac":"24:0a:c4:00:00:01"\}$'
f get_security_info
expect "get_security_info" 0 'Secure boot: *off'
f --json get-security-info
expect "get-security-info as JSON" 0 '"secure_boot":false,"flash_encryption":false.*"chip_id":5'
f read_mem 0x40001000
expect "read_mem" 0 '0x40001000 = 0x1b31506f'
f --json read_mem 0x40001000
expect "read_mem as JSON" 0 '^\{"v":1,"event":"memory","address":1073745920,"value":456216687\}$'
f --json read-flash-sfdp 0 4
expect "read-flash-sfdp as JSON" 0 '^\{"v":1,"event":"sfdp","address":0,"bytes":"53464450"\}$'
f --json write-flash-status --bytes 1 0
expect "write-flash-status as JSON" 0 '^\{"v":1,"event":"flash_status","before":0,"value":0\}$'
f write-mem 0x3fc90000 0x12345678
expect "write-mem" 0
f dump-mem 0x40001000 8 "$T/mem"
expect "dump-mem" 0
f read-flash-status --bytes 2
expect "read-flash-status" 0 'Status value: 0x'
f write-flash-status --bytes 1 0x04
expect "write-flash-status" 0 'after'
f write-flash-status --bytes 1 0
f read-flash-sfdp 0 4
expect "read-flash-sfdp" 0
f erase_flash
expect "erase_flash" 0
if [ "$(tr -d '\377' <"$T/flash" | wc -c)" -eq 0 ]; then pass "all is blank"; else fail "all is blank"; fi
f load-ram "$G/001-c3-ram-only/expected/out.bin"
expect "load-ram" 0 'started at 0x4'
f load-ram "$G/003-esp32c3-default/expected/out.bin"
expect "load-ram of what is for flash" 1 'not for RAM'

# 2. the same command again, old content known, blank data
fresh
f write-flash 0x10000 "$T/app"
f --json write-flash 0x10000 "$T/app"
expect "what is there is not written again" 0 '"unchanged":1.*"bytes_written":0'
f --json write-flash --diff-with "$T/app" 0x10000 "$T/app2"
expect "--diff-with sends one sector" 0 '"bytes_written":4096'
there "and the result is right" 65536 "$T/app2"
f --json write-flash 0x10000 "$T/app" 0x60000 "$T/raw" --diff-with "$T/app2" skip
expect "--diff-with several, behind the files" 0 '"images":2.*"bytes_written":24096'
f --json write-flash --diff-with "$T/raw" 0x10000 "$T/app2"
expect "--diff-with something else: all of it is written" 0 '"bytes_written":150001'
f --json write-flash --diff-with skip 0x10000 "$T/app"
there "--diff-with skip" 65536 "$T/app"
{ head -c 4096 "$T/app"; head -c 1000000 /dev/zero | tr '\0' '\377'; head -c 4096 "$T/app"; } >"$T/holes"
f --json write-flash 0x100000 "$T/holes"
expect "blank data are not sent" 0 '"bytes_written":(8|12|16)[0-9]{3},'
there "and nothing is missing" 1048576 "$T/holes"
f write-flash --dry-run 0x200000 "$T/app"
expect "--dry-run" 0 'would write'
if [ "$(at 2097152 100000 | tr -d '\377' | wc -c)" -eq 0 ]; then pass "--dry-run writes nothing"; else fail "--dry-run writes nothing"; fi
f write-flash -e 0x0 "$T/raw"
expect "-e" 0
if [ "$(at 65536 100000 | tr -d '\377' | wc -c)" -eq 0 ]; then pass "-e erases the rest"; else fail "-e erases the rest"; fi

# 3. flash settings of a bootloader, ESP-IDF's files
mkdir -p "$T/build/bootloader"
cp "$G/188-patch-c3-flash_freq-20m/in/bl.bin" "$T/build/bootloader/bootloader.bin"
cp "$T/app" "$T/build/app.bin"
cat >"$T/build/flasher_args.json" <<'JSON'
{ "write_flash_args": [ "--flash_mode", "dio", "--flash_size", "detect", "--flash_freq", "80m" ],
  "flash_settings": { "flash_mode": "dio", "flash_size": "4MB", "flash_freq": "80m" },
  "flash_files": { "0x0": "bootloader/bootloader.bin", "0x10000": "app.bin" },
  "extra_esptool_args": { "after": "hard_reset", "before": "default_reset", "stub": true, "chip": "esp32c3" } }
JSON
f write-flash "$T/build/flasher_args.json"
expect "flasher_args.json" 0 'flash settings changed to 02 2f'
flasher --chip esp32c3 merge-bin -o "$T/bl" --flash_mode dio --flash_freq 80m --flash_size 4MB 0 "$T/build/bootloader/bootloader.bin" 2>/dev/null
there "the patched bootloader is what merge-bin makes" 0 "$T/bl"
printf -- '--flash_mode dio --flash_freq 80m --flash_size 4MB\n0x0 bootloader/bootloader.bin\n0x10000 app.bin\n' >"$T/build/flash_args"
(cd "$T/build" && timeout 60 flasher -p "$P" write_flash @flash_args) >"$T/stdout" 2>"$T/stderr"
status=$?
expect "@flash_args" 0 '2 unchanged'
f verify-flash --flash_mode dio --flash_freq 80m --flash_size detect @"$T/build/flash_args.abs"
expect "@file that is not there" 1

# 4. images for another chip, damaged, too large, overlapping
f write-flash 0x10000 "$G/004-esp32-default/expected/out.bin"
expect "image for another chip" 4 'is for ESP32 .*this is an ESP32-C3'
f write-flash --force 0x10000 "$G/004-esp32-default/expected/out.bin"
expect "unless it is forced" 0
f write-flash 0x10000 "$G/010-c3-all-options/expected/out.bin"
expect "a revision that this chip has" 0
f write-flash 0x10000 "$G/011-c3-min-rev-legacy/expected/out.bin"
expect "a revision that this chip has not" 4 'needs chip revision'
f write-flash 0x0 "$G/196-patch-bad-checksum/in/bl.bin"
expect "damaged image" 1 'damaged'
f write-flash 0x3ff000 "$T/app"
expect "image that goes past the end" 1 'this flash has 0x400000 bytes'
f verify-flash 0x3ff000 "$T/app"
expect "nor can it be verified there" 1 'this flash has 0x400000 bytes'
f write-flash 0x10000 "$T/app" 0x11000 "$T/raw"
expect "images that overlap" 1 'share a sector'
f write-flash 0x10010 "$T/app"
expect "unaligned offset" 1 'multiple of 4096'
f --chip esp32 chip-id
expect "wrong chip" 4 'this is an ESP32-C3'
f --chip esp32c3 --connect-attempts 2 chip_id
expect "right chip" 0

# 5. by label
cat >"$T/p.csv" <<'CSV'
nvs,data,nvs,0x9000,0x4000
otadata,data,ota,0xd000,0x2000
ota_0,app,ota_0,0x10000,0x100000
ota_1,app,ota_1,,0x100000
fctry,data,nvs,,0x6000
CSV
fresh
head -c 12288 "$BIN/vboard" >"$T/mfg"
f write fctry="$T/mfg"
expect "no table on the device" 1 'no partition table .* --table'
partgen "$T/p.csv" "$T/p.bin" >/dev/null 2>&1
f write partition-table="$T/p.bin" app="$T/app" fctry="$T/mfg"
expect "write by label" 0 '3 images written'
there "app is where ota_0 is" 65536 "$T/app"
there "fctry is where the table says" $((0x210000)) "$T/mfg"
f write nope="$T/app"
expect "no such label" 1 "no partition is called 'nope'; there are nvs, otadata, ota_0"
head -c 30000 "$BIN/vboard" >"$T/large"
f write ota_1="$T/app" fctry="$T/large"
expect "does not fit" 1 'do not fit into partition fctry of 24576'
if [ "$(at $((0x110000)) 100000 | tr -d '\377' | wc -c)" -eq 0 ]; then pass "then nothing is written"; else fail "then nothing is written"; fi
f write --table "$T/p.csv" ota_1="$T/app2"
expect "table from CSV" 0
there "and it is used" $((0x110000)) "$T/app2"
f read fctry "$T/out"
expect "read by label" 0
same "read fctry" <(head -c 12288 "$T/out") "$T/mfg"
if [ "$(stat -c %a "$T/out")" = 600 ]; then pass "what is read is for its owner alone"; else fail "what is read is for its owner alone"; fi
f ota status
expect "ota status" 0 'boots: ota_0'
f ota switch ota_1
expect "ota switch" 0 'will boot ota_1'
f --json ota status
expect "and it boots" 0 '"boots":"ota_1","slot":1'
f ota switch ota_2
expect "no such slot" 1 'ota_0 to ota_1'
f ota erase
f ota status
expect "ota erase" 0 'boots: ota_0'
f erase fctry nope
expect "erase of a wrong label" 1
there "erases nothing" $((0x210000)) "$T/mfg"
f erase fctry
expect "erase by label" 0
if [ "$(at $((0x210000)) 24576 | tr -d '\377' | wc -c)" -eq 0 ]; then pass "it is blank"; else fail "it is blank"; fi

# 6. the command lines of the sample projects, as typed
fresh --chip esp32
head -c 20000 "$T/app" >"$T/bootloader.bin"
run timeout 60 flasher --chip esp32 -p "$P" -b 460800 write_flash --flash_mode dio --flash_freq 40m --flash_size 4MB \
        0x1000 "$T/bootloader.bin" 0x8000 "$T/p.bin" 0x16000 "$T/raw" 0x20000 "$T/app"
expect "bootloader, table, otadata, firmware" 0 '4 images written'
run timeout 60 flasher -p "$P" -b 460800 --before default_reset --after hard_reset --chip esp32 \
        write_flash --flash_mode dio --flash_freq 40m --flash_size detect 0x10000 "$T/app" 0x8000 "$T/p.bin" 0x9000 "$T/mfg"
expect "with resets and --flash_size detect" 0 '3 images written'
run timeout 60 flasher --port "$P" write_flash 0x340000 "$T/mfg"
expect "a factory partition" 0
there "is where it was asked for" $((0x340000)) "$T/mfg"
ESPPORT=$P run timeout 60 flasher write_flash 0x317000 "$T/raw"
expect "the port from the environment" 0
f chip_id
expect "ESP32" 0 'ESP32-D0WD'

# 7. the line: silence, noise, cuts, a bad cable, power
fresh --fault silence
f --connect-attempts 1 chip-id
expect "a silent chip" 3 'no answer'
fresh --fault max-rate=300000
f -b 921600 write-flash 0x10000 "$T/app"
expect "a cable that is bad above 300000 baud" 0 '230400 baud'
f -b 921600 --json write-flash --always-write 0x10000 "$T/app"
expect "is remembered" 0 '"baud":230400'
rm -rf "$T/state"
fresh --fault drop=40000
f write-flash 0x10000 "$T/app"
expect "bytes that get lost" 0 'written and verified'
there "are made good" 65536 "$T/app"
fresh
f write-flash 0x10000 "$T/app2"
vboard ctl "$T/c" fault power=12
f write-flash -u 0x10000 "$T/app"
expect "power lost in the middle" 3 'at 0x10000.*run the same command again'
vboard ctl "$T/c" fault none
vboard ctl "$T/c" reset
f write-flash 0x10000 "$T/app"
expect "the same command finishes the job" 0
there "and the flash is right" 65536 "$T/app"
vboard ctl "$T/c" fault rx-cut=30000
f write-flash --always-write 0x10000 "$T/app2"
expect "the link is cut" 3 'run the same command again'
vboard ctl "$T/c" fault none
vboard ctl "$T/c" reset
f write-flash 0x10000 "$T/app2"
expect "again after the cut" 0
vboard ctl "$T/c" fault nak=8/17/2/1
f write-flash --always-write 0x10000 "$T/app"
expect "a block that is refused once" 0
fresh --secure-download
f write-flash 0x10000 "$T/app"
expect "secure download mode needs the flash size" 4 'give --flash-size'
f write-flash --flash-size 4MB 0x10000 "$T/app"
expect "secure download mode" 0 'NOT verified'
there "written all the same" 65536 "$T/app"
f read-mac
expect "no MAC in secure download mode" 4 'secure download mode'
fresh --no-download
f --connect-attempts 1 chip-id
case $status in 3 | 4) pass "download mode switched off" ;; *) fail "download mode switched off" "status $status" ;; esac

# 8. chips that are locked: eFuses SECURE_BOOT_EN and SPI_BOOT_CRYPT_CNT (register space, reversed)
fuse() { printf '%b' "$2" | dd of="$T/efuse" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
fresh
stop
fuse 453 '\020'
board
f get-security-info
expect "secure boot is seen" 0 'Secure boot: *on'
f write-flash 0x0 "$T/raw"
expect "its bootloader is not touched" 4 'secure boot is on'
f erase-flash
expect "nor erased" 4 'secure boot is on'
f write-flash 0x10000 "$T/app"
expect "applications can be written" 0
f write-flash --force 0x0 "$T/raw"
expect "--force" 0
fresh
stop
fuse 457 '\004'
board
f write-flash 0x10000 "$T/app"
expect "flash encryption: plain data are refused" 4 'flash encryption is on'
f write-flash --force 0x10000 "$T/app"
expect "encrypted on the host: --force" 0

# 9. ports
fresh --download
P=$T/nothing
f chip-id
expect "no such port" 3 'no such port'
P=$T/app
f chip-id
expect "a file is no port" 1 'not a serial port'
P=socket://127.0.0.1:1
f chip-id
expect "nobody listens" 3 'no connection'
P=http://127.0.0.1
f chip-id
expect "not a link" 1 'socket://'
P=$(url pty)
(exec 9<>"$P" && flock -x 9 && sleep 3) &
sleep 0.3
f chip-id
expect "a port that another program has" 5 'in use by another program'
wait %1 2>/dev/null

P=$(url rfc2217)
exec 9<>"/dev/tcp/127.0.0.1/${P##*:}"
f chip-id
expect "a server that serves another program" 3 'end the other program'
exec 9>&-

# 10. stub loaders, monitor, run
P=$(url rfc2217)
echo '{"text":"AAAA"}' >"$T/stub.json"
f --stub "$T/stub.json" chip-id
expect "a file that is no stub" 1 'no stub loader'
echo '{"text":"AAAAAA==","text_start":1077411840,"entry":1077411840}' >"$T/stub.json"
f --stub "$T/stub.json" chip-id
expect "a stub that does not start" 3 'does not start'
fresh
f run
expect "run" 0
f monitor --seconds 1 --log "$T/log" --timestamps
expect "monitor" 0 '^[0-9:.]{12} ESP-ROM:esp32c3'
if grep -q 'ESP-ROM' "$T/log"; then pass "monitor --log"; else fail "monitor --log"; fi
if head -n 1 "$T/log" | grep -q 'ESP-ROM'; then pass "what the board said before its reset is left out"; else fail "what the board said before its reset is left out" "$(head -n 3 "$T/log")"; fi
run sh -c "timeout 20 flasher -p '$P' chip-id >/dev/full"
expect "lost output is a failure" 5
finish
