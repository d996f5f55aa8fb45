#!/usr/bin/env bash
# The commands in the man pages' EXAMPLES, and those of README.md, run as they stand there, in a folder with the files that they
# name; where a board or an address is named, a virtual one takes its place.
. tests/lib.sh

# commands PAGE: one a line, continuations joined
commands() {
        case $1 in *.md) sed -n '/^```/,/^```/p' "$1" | sed 's/   *#.*//; s/;  */\n/g; s/ &$//' | grep -E "^(cd [^ ]+ && )?($(cd "$BIN" && echo * | tr ' ' '|')) "; return ;; esac
        awk -v tools="$(cd "$BIN" && echo *)" '
                BEGIN { n = split(tools, t, " "); for (i = 1; i <= n; i++) tool[t[i]] = 1 }
                /^\.Sh / { on = /^\.Sh EXAMPLES/ }
                !on { next }
                { line = $0; sub(/^\.Dl /, "", line); sub(/^\$ /, "", line) }
                cont { sub(/^ */, "", line); text = text " " line }
                !cont { split(line, w, " "); if (!(w[1] in tool)) next; text = line }
                { gsub(/\\&/, "", text); gsub(/\\-/, "-", text); cont = 0 }
                text ~ /\\e$/ { sub(/ *\\e$/, "", text); cont = 1; next }
                text ~ /&&$/ { cont = 1; next }
                { print text }
        ' "$1"
}

# why COMMAND: the reason why it cannot be run here
why() {
        case $1 in
        *pkcs11:*) [ -n "$SOFTHSM" ] || echo "softhsm2 is not installed" ;;
        "provcli batch"*"--transport ble"*) echo "wants radios; tests/cli/provcli.sh has batches over HTTP" ;;
        "provcli ble"* | *" --join "*) echo "wants radios: tests/e2e/radio.sh" ;;
        "shadowd "*) echo "wants a broker: tests/e2e/outlet_cloud.sh" ;;
        esac
}

# as_here COMMAND: virtual devices and free ports for those of the page, the test's folder for /tmp, files where the terminal
# would be asked, an end for what shows until it is stopped
as_here() {
        local c=$1
        case $c in
        "provcli console"*) c="${c/\/dev\/ttyUSB0/$(device console)} --passphrase-file pass" ;;
        "provcli http"*) c=${c/192.168.4.1/127.0.0.1:$(device)} ;;
        "provcli softap"* | "provcli qr"*) c="$c --host 127.0.0.1:$(device) --passphrase-file pass" ;; # its network is up already
        "provcli networks"*) c="$c --host 127.0.0.1:$(device)" ;;
        "provcli "*) ;;
        "flasher line "*--http*) c="$c --once --slot 1=$(unit_board)" ;; # ends when a board has passed
        *monitor) c="$c --seconds 2" ;;
        "flasher secure-plan"* | "flasher efuse burn-key"*) [[ $c = *--dry-run* ]] || c="$c --yes" ;;
        "certgen ca ca "*) c=${c/ca ca/ca ca$RANDOM} ;;
        "certgen ca "*pkcs11:*) c=${c% ca}\ token-ca ;; # beside the page's other CA
        esac
        case $c in
        "provcli console"* | "provcli softap"* | "provcli http"*) [[ $c = *--pop-file* ]] || c="$c --pop-file pop" ;;
        "vboard --"*) [[ $c = *--daemon* ]] || c="$c --daemon" && c="$c --pid-file $T/$FREE.pid" ;;
        "certgen ca "*) [[ $c = *--passphrase-file* ]] || c="$c --no-passphrase" ;;
        esac
        c=${c//\/dev\/ttyUSB0/$PORT}
        c=${c//127.0.0.1:4000/127.0.0.1:$FREE}
        c=${c//127.0.0.1:8080/127.0.0.1:$((FREE + 1))}
        c=${c//\/tmp\/board/$T\/w\/board}
        c=${c//--ssid Home/--ssid lab-main} # what tests/provdev has in the air
        [ -z "$SOFTHSM" ] || c=${c//\/usr\/lib\/softhsm\/libsofthsm2.so/$SOFTHSM}
        echo "$c"
}

# device [console]: another device that waits for its network; prints its port
device() {
        local log
        log=$(mktemp "$T/device.XXXXXX")
        "$O/tests/provdev" 1 pop=abcd1234 "$@" >"$log" 2>&1 &
        echo $! >>"$T/devices"
        for _ in $(seq 200); do grep -q '^port' "$log" && break; sleep 0.05; done
        sed -n 's/^port //p' "$log"
}
# unit_board: a fresh board for the line; prints its port
unit_board() {
        local at=$T/unit$RANDOM
        vboard --flash "$at" --efuse "$at.efuse" --rfc2217 127.0.0.1:0 --json --daemon --pid-file "$T/unit.pid" >"$at.json"
        sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$at.json"
}

# line_job FILE LEDGER START: samples/outlet/line's job and what it names
line_job() {
        cp "$TOP/samples/outlet/line/factory.csv" "$TOP/samples/outlet/label.json" .
        mkdir -p labels
        sed "s/ledger.sqlite/$2/; s/\"start\": 1001/\"start\": $3/" "$TOP/samples/outlet/line/job.json" >"$1"
}

# What the commands of a page find in their folder.
fixture() {
        cp samples/outlet/*.csv "$T/w/"
        cd "$T/w" || exit 5
        printf 'abcd1234\n' >pop
        printf 'correct horse\n' >pass
        chmod 600 pop pass
        case $1 in
        man/provcli.1)
                printf '{"ver":"v1","name":"PROV_1234","pop":"abcd1234","transport":"softap"}' >label.json ;;
        man/certgen.1)
                printf '4711\n' >pin
                chmod 600 pin
                certgen csr --cn SO-200042 --out requests ;; # its CA comes first on the page
        *)
                certgen ca --cn Acme --no-passphrase ca
                certgen device --cn SO-000001 --out devices
                nvsgen generate-key --keyfile k.bin && mv keys/k.bin keys.bin
                nvsgen encrypt mfg_config.csv fctry.bin 0x6000 --inputkey keys.bin
                nvsgen mfg_config.csv unit-0017.bin
                cp mfg_config.csv unit-17.csv
                partgen --flash-size 4MB partitions.csv pt.bin
                printf 'mfg_ns,namespace,\nserial_no,data,string,"template=SO-%%06u"\nhw,data,u8\n' >conf.csv
                printf 'hw\n1\n2\n' >values.csv
                mkdir -p released build && cp partitions.csv released/
                cp "$O"/firmware/*.* build && cp -r build build/firmware
                cp build/bootloader.bin bl.bin && cp build/outlet.bin app.bin
                cp bl.bin bootloader.bin && cp pt.bin partition-table.bin && cp unit-0017.bin my_mfg.bin
                head -c 32 /dev/urandom >fe.bin
                certgen signing-key sb.pem
                certgen signing-key key.pem
                printf 'mfg_ns,namespace,\nserial_no,data,string\nhw,data,u8\n' >config.csv
                cp unit-0017.bin a.bin && cp unit-0017.bin b.bin && cp partitions.csv old.csv && cp partitions.csv new.csv
                cp build/*.* . ; cp app.bin firmware.bin
                truncate -s 4M flash.bin
                dd if=pt.bin of=flash.bin bs=4096 seek=8 conv=notrunc
                dd if=unit-0017.bin of=flash.bin bs=4096 seek=$((0x340)) conv=notrunc
                line_job outlet.json outlet.ledger 17
                line_job job.json ledger.sqlite 1001 ;;
        esac >"$T/fixture.log" 2>&1
        if [ "$1" = README.md ]; then
                rm flash.bin # the README's own board makes it
                printf 'serial_no,hw\nSO-1,1\nSO-2,2\n' >values.csv
                cp "$TOP"/samples/outlet/secure/release.json .
                certgen device --cn SO-000017 --out devices
                flasher generate-signing-key sign1.pem && flasher generate-signing-key sign2.pem &&
                        flasher extract-public-key --key sign2.pem sign2.pub && flasher generate-flash-key flash.key && cp flash.key key.bin
        fi >>"$T/fixture.log" 2>&1
        cd "$TOP" || exit 5
}

page() { # page FILE
        local command reason
        rm -rf "$T/w" && mkdir -p "$T/w"
        FREE=$((20000 + RANDOM % 10000))
        fixture "$1"
        while IFS= read -r command; do
                case $command in "vboard --"*) # the page's board before makes room
                        stop_boards
                        while pgrep -f -- "--pid-file $T/" >/dev/null; do sleep 0.1; done ;;
                esac
                reason=$(why "$command")
                if [ -n "$reason" ]; then
                        skip "$1: $command" "$reason"
                        continue
                fi
                status=0
                (cd "$T/w" && TERM=dumb timeout $((300 * SLOW)) bash -o pipefail -c "$(as_here "$command")") >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
                expect "$1: $command" 0
        done < <(commands "$1")
}

# A board for the pages that name a serial port.
vboard --flash "$T/flash" --efuse "$T/efuse" --control "$T/board.sock" --rfc2217 127.0.0.1:0 --json >"$T/board.json" 2>"$T/board.err" &
board=$!
stop_boards() { pkill -f -- "--pid-file $T/"; } # the examples' daemons
: >"$T/devices"
# shellcheck disable=SC2046
trap 'kill "$board" $(cat "$T/devices"); stop_boards; rm -rf "$T"' EXIT
for _ in $(seq 100); do
        PORT=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/board.json")
        [ -n "$PORT" ] && break
        sleep 0.1
done
export PORT ESPPORT=$PORT

# A token, where SoftHSM is installed: $SOFTHSM is its module
SOFTHSM=
if command -v softhsm2-util >/dev/null; then
        for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$m" ] && SOFTHSM=$m; done
        mkdir "$T/tokens" && echo "directories.tokendir = $T/tokens" >"$T/softhsm2.conf"
        export SOFTHSM2_CONF=$T/softhsm2.conf
        softhsm2-util --init-token --free --label factory --so-pin 87654321 --pin 4711 >"$T/softhsm.log" 2>&1 || SOFTHSM=
fi

for p in man/nvsgen.1 man/partgen.1 man/certgen.1 man/fctry.7 man/flasher.1 man/provcli.1 man/vboard.1 man/shadowd.1 README.md; do page $p; done

# The files that section 5 shows, taken by the tools that they are for.
block() { # PAGE N FILE: the Nth literal block of its EXAMPLES
        awk -v n="$2" '/^\.Sh /{ on = /^\.Sh EXAMPLES/ } !on { next } /^\.Bd -literal/ { i++; in_it = 1; next } /^\.Ed/ { in_it = 0 }
                in_it && i == n' "man/$1" | sed 's/\\&//g; s/\\-/-/g; s/\\e/\\/g' >"$T/w/$3"
        [ -s "$T/w/$3" ]
}
takes() { # PAGE COMMAND...
        local page=$1
        shift
        cd "$T/w" || exit 5
        run "$@"
        cd "$TOP" || exit 5
        expect "man/$page: its example, with ${*:1:2}" 0
}
rm -rf "$T/w" && mkdir "$T/w" && fixture man/flasher.1
(cd "$T/w" && flasher line --approve outlet.json && flasher line outlet.json --once --slot "1=$(unit_board)" &&
        flasher generate-signing-key s.pem && flasher extract-public-key --key s.pem signing.pub.pem &&
        mkdir certs && cp devices/SO-000001.crt certs/1.crt && cp certs/1.crt certs/2.crt) >"$T/fixture.log" 2>&1
block fctry-batch.5 1 conf5.csv && block fctry-batch.5 2 values5.csv
takes fctry-batch.5 nvsgen batch conf5.csv values5.csv outlet 0x6000 --outdir batch5
block fctry-job.5 1 job5.json
takes fctry-job.5 flasher line --check job5.json
block fctry-label.5 1 label5.json
takes fctry-label.5 flasher label SO-000017 --ledger outlet.ledger --template label5.json --out label5.png
block fctry-profile.5 1 profile5.json
takes fctry-profile.5 certgen device --cn SO-000500 --profile profile5.json --out devices5
block fctry-secure.5 1 secure5.json
takes fctry-secure.5 flasher secure-plan secure5.json --virt efuse5 --yes
finish
