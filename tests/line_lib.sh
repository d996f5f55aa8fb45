# shellcheck shell=bash
# Sourced behind lib.sh by tests of the production line: a job for the outlet, racks of virtual boards, faults.
FW=$O/firmware
RACKS=

# wait_for FILE REGEX: until a line is there, LIMIT seconds at most, SLOW times as long for slow tools.
wait_for() {
        local end=$((SECONDS + ${LIMIT:-60} * SLOW))
        until grep -Eq -- "$2" "$1" 2>/dev/null; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.05
        done
}

# factory_data [MORE KEYS]: in the current folder, the CA of a job and its factory.csv.
factory_data() {
        local key
        [ -d ca ] || certgen ca ca --cn "Line" --no-passphrase --quiet >/dev/null || return 1
        printf '%s\n' mfg_ns,namespace, serial_no,data,string cert,data,string priv_key,data,string ca,file,string pop,data,string >factory.csv
        for key; do echo "$key,data,string"; done >>factory.csv
}

# line_job FILE LEDGER [MORE JSON MEMBERS]: a job for the outlet in the current folder.
line_job() {
        factory_data service_name || return 1
        cp "$TOP/samples/outlet/partitions.csv" .
        cat >"$1" <<-END
		{
		    "name": "lot",
		    "chip": "esp32c3",
		    "flash": [{ "id": "c8", "size": "4MB" }],
		    "partition_table": "partitions.csv",
		    "images": [
		        { "file": "$FW/bootloader.bin", "offset": 0 },
		        { "file": "$FW/ota_data_initial.bin", "partition": "otadata" },
		        { "file": "$FW/outlet.bin", "partition": "app" }
		    ],
		    "erase": ["nvs"],
		    "serial": { "template": "SO-%06u", "count": 100000 },
		    "factory": {
		        "config": "factory.csv", "values": { "ca": "ca/ca.crt" },
		        "keys": "station", "ca": "ca", "out": "units",
		        "provisioning": { "transport": "softap" }
		    },
		    "selftest": { "version": "1.0.0", "project": "outlet", "seconds": 60 },
		    ${3:-}
		    "ledger": "$2"
		}
	END
}

# rack NAME COUNT MAC [OPTIONS]: boards with flash in NAME/; their slots as options in NAME/slots.
rack() {
        local name=$1 n=$2 mac=$3 i=0 port
        shift 3
        mkdir -p "$name"
        vboard --flash "$name/flash.bin" --efuse "$name/efuse.bin" --control "$name/ctl" --count "$n" --mac "$mac" \
                --rfc2217 127.0.0.1:0 --json --daemon --pid-file "$name/pid" "$@" >"$name/ready" || return 1
        RACKS="$RACKS $name"
        : >"$name/slots"
        while read -r port; do
                echo "--slot=$name-$i=$port" >>"$name/slots"
                i=$((i + 1))
        done < <(sed 's/.*"port":"\([^"]*\)".*/\1/' "$name/ready")
        [ "$i" -eq "$n" ]
}

rack_stop() {
        local pid
        pid=$(cat "$1/pid" 2>/dev/null) || return 0
        kill "$pid" 2>/dev/null
        while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
        rm -f "$1/pid"
}

racks_stop() {
        local r
        for r in $RACKS; do rack_stop "$r"; done
        RACKS=
}

# What a test leaves behind, whatever happened: a line that nobody waits for would take the next board on its port.
line_end() {
        # shellcheck disable=SC2046
        kill -9 $(jobs -p) 2>/dev/null
        racks_stop
        cd / && rm -rf "$T"
}

# faults NAME COUNT [KINDS]: something goes wrong on a third of the boards, at a random moment. The ninth kind, the
# power, leaves a board dead.
faults() {
        local i kind at
        for ((i = 0; i < $2; i++)); do
                vboard ctl "$1/ctl$i" fault none >/dev/null 2>&1
                [ $((RANDOM % 3)) -eq 0 ] || continue
                at=$((RANDOM * 5 % 120000))
                case $((RANDOM % ${3:-8})) in
                0) kind=drop-at=$((at % 4000)) ;;
                1) kind=garble-at=$((at % 4000)) ;;
                2) kind=cut=$((at % 4000)) ;;
                3) kind=rx-drop-at=$at ;;
                4) kind=rx-garble-at=$at ;;
                5) kind=rx-cut=$at ;;
                6) kind=nak=5/0/$((at % 60)) ;;
                7) kind=max-rate=500000 ;;
                8) kind=power=$((at % 200 + 1)) ;;
                esac
                vboard ctl "$1/ctl$i" fault "$kind" >/dev/null 2>&1
        done
}

# mend NAME COUNT: no faults, power for all.
mend() {
        local i
        for ((i = 0; i < $2; i++)); do
                vboard ctl "$1/ctl$i" fault none >/dev/null 2>&1
                vboard ctl "$1/ctl$i" reset >/dev/null 2>&1
        done
}

# region FILE OFFSET LEN: bytes of a flash file.
region() { tail -c +$(($2 + 1)) "$1" | head -c $(($3)); }

# holds NAME COUNT: every board's flash has the job's images, byte for byte. Prints what differs.
holds() {
        local i f img
        for ((i = 0; i < $2; i++)); do
                f=$1/flash$i.bin
                for img in 0x0:bootloader.bin 0xf000:ota_data_initial.bin 0x20000:outlet.bin; do
                        # otadata is written by the bootloader at the first start
                        [ "$img" = 0xf000:ota_data_initial.bin ] && continue
                        cmp -s <(region "$f" "${img%%:*}" "$(stat -c %s "$FW/${img#*:}")") "$FW/${img#*:}" || echo "$f: ${img#*:}"
                done
                cmp -s <(region "$f" 0x8000 3072) table.bin || echo "$f: partition table"
        done
}

# identities NAME COUNT: "SERIAL CERTSERIAL" of each board, read from its flash; its certificate is the one on disk.
identities() {
        local i serial cert
        for ((i = 0; i < $2; i++)); do
                region "$1/flash$i.bin" 0x340000 0x6000 >unit.bin
                nvsgen check --quiet unit.bin >/dev/null || echo "BAD $1/flash$i.bin"
                nvsgen dump --json unit.bin | sed 's/\\n//g' >unit.json
                serial=$(sed -n 's/.*"key": *"serial_no".*"value": *"\([^"]*\)".*/\1/p' unit.json)
                cert=$(sed '1d;$d' "units/$serial.crt" 2>/dev/null | tr -d '\n')
                if [ -n "$serial" ] && [ -n "$cert" ] && grep -qF "$cert" unit.json; then
                        echo "$serial $(openssl x509 -in "units/$serial.crt" -noout -serial)"
                else
                        echo "BAD $1/flash$i.bin: serial '$serial'"
                fi
        done
}

# recorded NAME COUNT LEDGER: the ledger's digest of each unit's factory data is that of its flash. Prints what differs.
recorded() {
        local i serial sum
        flasher ledger export --ledger "$3" --batch lot >units.csv
        for ((i = 0; i < $2; i++)); do
                region "$1/flash$i.bin" 0x340000 0x6000 >unit.bin
                serial=$(nvsgen dump --json unit.bin | sed -n 's/.*"key": *"serial_no".*"value": *"\([^"]*\)".*/\1/p')
                sum=$(sha256sum <unit.bin | cut -d' ' -f1)
                grep -q "^$serial,passed,.*,$sum," units.csv || echo "$1/flash$i.bin: $serial"
        done
}

# lots KILLS BOARDS LEDGER STATIONS: fresh boards in racks of BOARDS, a third of them with faults, worked on by STATIONS
# processes that are killed at random moments, until so many kills have hit and every board of the racks has passed.
# Leaves the sums in LOTS, UNITS, RUNS, KILLED, what was found in the files differ and ids.
lots() {
        local want=$1 boards=$2 ledger=$3 stations=$4 longest=1500 name tries passed before s pid ms slots mine pids
        LOTS=0 UNITS=0 RUNS=0 KILLED=0
        : >ids
        : >differ
        while [ "$KILLED" -lt "$want" ]; do
                LOTS=$((LOTS + 1)) name=lot$LOTS tries=0 passed=0
                rack "$name" "$boards" "$(printf '24:0a:c4:%02x:%02x:01' "$stations" "$LOTS")" || return 1
                mapfile -t slots <"$name/slots"
                : >"$name/results"
                while [ "$passed" -lt "$boards" ] && [ "$tries" -lt 80 ]; do
                        tries=$((tries + 1)) RUNS=$((RUNS + 1))
                        mend "$name" "$boards"
                        # a board without power takes a run that is not killed eight seconds
                        [ "$tries" -lt 60 ] && faults "$name" "$boards" "$([ "$KILLED" -lt "$want" ] && echo 9 || echo 8)"
                        pids=()
                        for ((s = 0; s < stations; s++)); do
                                mine=("${slots[@]:s*boards/stations:boards/stations}")
                                flasher --json line job.json --ledger "$ledger" --station "st$s" --once "${mine[@]}" >"run$s" 2>"err$s" &
                                pids+=($!)
                        done
                        for pid in "${pids[@]}"; do
                                [ "$KILLED" -lt "$want" ] || break
                                ms=$((RANDOM % longest / stations + 20))
                                sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
                                kill -9 "$pid" 2>/dev/null
                        done
                        for pid in "${pids[@]}"; do
                                wait "$pid" 2>/dev/null
                                [ $? -eq 137 ] && KILLED=$((KILLED + 1))
                        done
                        cat run[0-9] | grep '"event":"result"' | grep -oE '"phase":"(pass|before)","mac":"[^"]*"' | cut -d, -f2 >>"$name/results"
                        before=$passed
                        passed=$(sort -u "$name/results" | wc -l)
                        # a slow machine gets further before it is killed, a quick one is killed in the middle
                        if [ "$passed" -eq "$before" ]; then
                                longest=$((longest * 5 / 4))
                        elif [ "$passed" -eq "$boards" ]; then
                                longest=$((longest * 4 / 5 + 200))
                        fi
                done
                UNITS=$((UNITS + passed))
                echo "# lot $LOTS: $passed of $boards passed in $tries runs, $KILLED kills so far"
                rack_stop "$name"
                holds "$name" "$boards" >>differ
                recorded "$name" "$boards" "$ledger" >>differ
                identities "$name" "$boards" >>ids
                rm -f "$name"/*.bin
                [ "$passed" -eq "$boards" ] || return 1
        done
}

# lots_judge KILLS BOARDS LEDGER: what must be true behind lots.
lots_judge() {
        local twice last
        check "the station was killed $KILLED times in $RUNS runs" test "$KILLED" -ge "$1"
        check "every board of $LOTS lots has passed: $UNITS" test "$UNITS" -eq $((LOTS * $2))
        if [ -s differ ]; then
                fail "every flash read back holds images and its own factory data, as the ledger says" "$(head differ)"
        else
                pass "every flash read back holds images and its own factory data, as the ledger says"
        fi
        if grep -q '^BAD ' ids; then fail "with the certificate that was issued" "$(grep '^BAD ' ids | head)"; else pass "with the certificate that was issued"; fi
        twice=$(awk '{print $1}' ids | sort | uniq -d
                awk '{print $2}' ids | sort | uniq -d)
        if [ -z "$twice" ]; then pass "no serial number and no certificate twice"; else fail "no serial number and no certificate twice" "$twice"; fi
        last=$(awk '{print $1}' ids | sort | tail -1)
        check "none lost: the last of $UNITS serial numbers is $last" test "$last" = "SO-$(printf %06u "$UNITS")"
        check "the ledger has $UNITS units, all passed" test "$(flasher ledger query --ledger "$3" --batch lot --state passed --json | wc -l)" -eq "$UNITS"
        check "and no other" test "$(flasher ledger query --ledger "$3" --batch lot --json | wc -l)" -eq "$UNITS"
        check "the ledger's chain is whole" flasher ledger verify --ledger "$3"
        check "the CA has $UNITS certificates" test "$(certgen list --ca ca | grep -c '^issued')" -eq "$UNITS"
}
