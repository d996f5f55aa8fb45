#!/usr/bin/env bash
# The commands in the man pages' EXAMPLES, and those of README.md, run as they stand there, in a folder with the files that they
# name; where a board or an address is named, a virtual one takes its place.
. tests/lib.sh

# commands PAGE: one a line, continuations joined
commands() {
        case $1 in *.md) sed -n '/^```/,/^```/p' "$1" | sed 's/   *#.*//; s/;  */\n/g; s/ &$//' | grep -E "^($(cd "$BIN" && echo * | tr ' ' '|')) "; return ;; esac
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

# why COMMAND: the reason why it cannot be run as it stands
why() {
        case $1 in
        *pkcs11:*) echo "wants a token: tests/e2e/softhsm.sh" ;;
        "provcli ble"* | "provcli softap"* | *' scan'*) echo "wants a radio: tests/e2e/radio.sh" ;;
        *…*) echo "stands for more" ;;
        *"/dev/ttyUSB0 --"*) echo "wants a device that waits for its network: tests/cli/provcli.sh" ;;
        "provcli batch"* | "provcli networks"*) echo "wants devices: tests/cli/provcli.sh" ;;
        "flasher secure-plan"*) echo "asks before it burns: tests/cli/flasher_secure_plan.sh" ;;
        "flasher monitor"* | *" monitor") echo "shows until it is stopped: tests/cli/flasher.sh" ;;
        "flasher efuse burn-key BLOCK_KEY0 key.bin"*) echo "asks before it burns: tests/cli/flasher_efuse.sh" ;;
        "flasher line"*) echo "a line works until it is stopped: tests/cli/line.sh" ;;
        "flasher label"*) echo "wants a unit that has passed: tests/cli/label.sh" ;;
        esptool*) echo "another project's tool: tests/e2e/vboard_esptool.sh" ;;
        esac
}

# as_here COMMAND: a virtual board's port for the serial port, free ports and the test's folder for fixed ones,
# and no passphrase where the terminal would be asked for one
as_here() {
        local c=${1//\/dev\/ttyUSB0/$PORT}
        c=${c//127.0.0.1:4000/127.0.0.1:$FREE}
        c=${c//\/tmp\/board/$T\/w\/board}
        case $c in "vboard --"*) [[ $c = *--daemon* ]] || c="$c --daemon" && c="$c --pid-file $T/$FREE.pid" ;; esac
        case $c in "certgen ca ca "*) c=${c/ca ca/ca ca$RANDOM} ;; esac
        case $c in "certgen ca "*) c="$c --no-passphrase" ;; esac
        echo "$c"
}

# What the commands of a page find in their folder.
fixture() {
        cp samples/outlet/*.csv "$T/w/"
        cd "$T/w" || exit 5
        if [ "$1" = man/certgen.1 ]; then
                certgen csr --cn SO-200042 --out requests >"$T/fixture.log" 2>&1 # its CA comes first on the page
        else
                certgen ca --cn Acme --no-passphrase ca
                certgen device --cn SO-000001 --out devices
                certgen device --cn SO-000017 --out devices --prov
                cp "$TOP/samples/outlet/label.json" .
                printf 'serial,mac,files\nSO-000017,020000000017,devices/SO-000017\n' >line.csv
                flasher ledger import line line.csv --ledger outlet.ledger
                nvsgen generate-key --keyfile k.bin && mv keys/k.bin keys.bin
                nvsgen encrypt mfg_config.csv fctry.bin 0x6000 --inputkey keys.bin
                nvsgen mfg_config.csv unit-0017.bin
                cp mfg_config.csv unit-17.csv
                partgen --flash-size 4MB partitions.csv pt.bin
                printf 'mfg_ns,namespace,\nserial_no,data,string,"template=SO-%%06u"\nhw,data,u8\n' >conf.csv
                printf 'hw\n1\n2\n' >values.csv
                mkdir -p released && cp partitions.csv released/
                cp -r "$O/firmware" build
                cp build/bootloader.bin bl.bin && cp build/outlet.bin app.bin
                cp bl.bin bootloader.bin && cp pt.bin partition-table.bin && cp unit-0017.bin my_mfg.bin
                flasher ledger define --ledger outlet.ledger line 'SO-%06u'
                head -c 32 /dev/urandom >fe.bin
                certgen signing-key sb.pem
                flasher ledger create --ledger ledger.sqlite
                certgen signing-key key.pem
                printf 'mfg_ns,namespace,\nserial_no,data,string\nhw,data,u8\n' >config.csv
                cp unit-0017.bin a.bin && cp unit-0017.bin b.bin && cp partitions.csv old.csv && cp partitions.csv new.csv
                cp build/*.* . ; cp app.bin firmware.bin
                truncate -s 4M flash.bin
                dd if=pt.bin of=flash.bin bs=4096 seek=8 conv=notrunc
                dd if=unit-0017.bin of=flash.bin bs=4096 seek=$((0x340)) conv=notrunc
        fi >"$T/fixture.log" 2>&1
        if [ "$1" = README.md ]; then
                rm flash.bin # the README's own board makes it
                printf 'serial_no,hw\nSO-1,1\nSO-2,2\n' >values.csv
        fi
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
                (cd "$T/w" && TERM=dumb timeout 60 bash -o pipefail -c "$(as_here "$command")") >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
                expect "$1: $command" 0
        done < <(commands "$1")
}

# A board for the pages that name a serial port.
vboard --flash "$T/flash" --efuse "$T/efuse" --control "$T/board.sock" --rfc2217 127.0.0.1:0 --json >"$T/board.json" 2>"$T/board.err" &
board=$!
stop_boards() { pkill -f -- "--pid-file $T/"; } # the examples' daemons
trap 'kill "$board"; stop_boards; rm -rf "$T"' EXIT
for _ in $(seq 100); do
        PORT=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/board.json")
        [ -n "$PORT" ] && break
        sleep 0.1
done
export PORT ESPPORT=$PORT
for p in man/nvsgen.1 man/partgen.1 man/certgen.1 man/fctry.7 man/flasher.1 man/vboard.1 README.md; do page $p; done
finish
