#!/usr/bin/env bash
# Makes the pictures of README.md anew, with the tools themselves: `make pictures`. The line's page wants chromium;
# without it line-page.png stays as it is.
set -eu
cd "$(dirname "$0")/../.."
: "${BIN:?BIN must name the folder with the tools}"
PATH=$BIN:$PATH
out=$PWD/docs/pictures
top=$PWD
T=$(mktemp -d)
trap 'vboard ctl "$T/b0.sock" quit >/dev/null 2>&1 || :; rm -rf "$T"' EXIT

# terminal FILE: standard input as a terminal's picture; lines that begin with $ are commands
terminal() {
        awk '
                { gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); line[NR] = $0; if (length($0) > w) w = length($0) }
                END {
                        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"13\">\n", w * 7.9 + 32, NR * 18 + 28
                        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2027\"/>"
                        for (i = 1; i <= NR; i++)
                                printf "<text x=\"16\" y=\"%d\" fill=\"%s\" xml:space=\"preserve\">%s</text>\n", i * 18 + 12,
                                        line[i] ~ /^\$/ ? "#8ec07c" : line[i] ~ /PASS/ ? "#b8e986" : line[i] ~ /^[a-z_]+\.csv:/ ? "#f0a070" : "#d8dee9", line[i]
                        print "</svg>"
                }' >"$1"
}

partgen map samples/outlet/partitions.csv --flash-size 4MB --svg "$out/flash-map.svg" >/dev/null

cd "$T"
cp "$top"/samples/outlet/line/job.json "$top"/samples/outlet/line/factory.csv "$top"/samples/outlet/partitions.csv \
        "$top"/samples/outlet/label.json "$BIN"/../firmware/*.bin .
mkdir -p labels
certgen ca ca --cn "Demo Line" --no-passphrase --quiet >/dev/null
flasher line --approve job.json >/dev/null
vboard --flash flash.bin --efuse efuse.bin --control b.sock --count 4 --mac 24:0a:c4:00:10:01 --rfc2217 127.0.0.1:0 --json --daemon >ready
slots=()
for port in $(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' ready); do slots+=(--slot "$((${#slots[@]} / 2 + 1))=$port"); done

# the page, while boards are worked on and when they have passed
browser=$(command -v chromium || command -v chromium-browser || :)
flasher line job.json --plain --http 127.0.0.1:0 --station "hall 7" "${slots[@]}" >log 2>err &
line=$!
for _ in $(seq 300); do [ "$(grep -c PASS log)" -ge 4 ] && break; sleep 0.1; done
url=$(grep -o 'http://127.0.0.1:[0-9]*/' err | head -n 1)
[ -z "$browser" ] || timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$T/chrome" --timeout=8000 \
        --window-size=1000,640 --screenshot="$out/line-page.png" "$url" >/dev/null 2>&1
kill -INT $line
wait $line || :
flasher label "$(sed -n 's/.*PASS \([^ ]*\) .*/\1/p' log | sort | head -n 1)" --ledger ledger.sqlite --template label.json \
        --prov units --out "$out/label.svg" >/dev/null 2>label.err || cat label.err

# what a mistake looks like, and a line
printf 'key,type,encoding,value\nmfg_ns,namespace,,\nserial_no,data,string,SO-000001\nwifi_chan,data,u8,300\nserial_no,data,string,SO-000002\n' >mfg_config.csv
{
        echo '$ nvsgen mfg_config.csv out.bin'
        nvsgen mfg_config.csv out.bin 2>&1 || :
        echo
        echo '$ flasher line job.json'
        grep -E ': (a board|PASS)' log
        echo
        echo '$ flasher ledger report'
        flasher ledger report --ledger ledger.sqlite
} | terminal "$out/terminal.svg"
ls -l "$out"
