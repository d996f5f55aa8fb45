# shellcheck shell=bash
# Sourced behind lib.sh by tests of the production line: a job for the outlet, racks of virtual boards, faults.
FW=$O/firmware
RACKS=

# line_job FILE LEDGER [MORE JSON MEMBERS]: a job for the outlet in the current folder.
line_job() {
        [ -d ca ] || certgen ca ca --cn "Line" --no-passphrase --quiet || return 1
        cp "$TOP/samples/outlet/partitions.csv" .
        cat >factory.csv <<-'END'
		mfg_ns,namespace,
		serial_no,data,string
		cert,data,string
		priv_key,data,string
		ca,file,string
		pop,data,string
		service_name,data,string
	END
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
