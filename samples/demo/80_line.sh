# shellcheck shell=sh
# The production line: four boards at once, four identities, labels, a yield.
step "A production line: the job, proven and locked by the hashes of all its files"
mkdir -p line/labels
cp "$top"/samples/outlet/line/job.json "$top"/samples/outlet/line/factory.csv "$top"/samples/outlet/partitions.csv \
        "$top"/samples/outlet/label.json "$built"/firmware/bootloader.bin "$built"/firmware/ota_data_initial.bin "$built"/firmware/outlet.bin line/
show certgen ca line/ca --cn "Demo Line" --no-passphrase --quiet
show flasher line --approve line/job.json

step "Four boards are plugged in: each is flashed, verified, started, tested and recorded"
vboard --flash line/flash.bin --efuse line/efuse.bin --control line/board.ctl --count 4 --mac 24:0a:c4:00:10:01 \
        --rfc2217 127.0.0.1:0 --json --daemon >line/ready
set --
n=1
for port in $(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' line/ready); do
        set -- "$@" --slot "$n=$port"
        n=$((n + 1))
done
show flasher line line/job.json --plain --once "$@"
vboard ctl line/board0.ctl quit >/dev/null 2>&1 || :

step "What was made: the ledger, four units and their labels"
show flasher ledger verify --ledger line/ledger.sqlite
show flasher ledger query --ledger line/ledger.sqlite
show flasher ledger report --ledger line/ledger.sqlite
for serial in SO-001001 SO-001002 SO-001003 SO-001004; do
        show certgen verify line/units/$serial.crt --ca line/ca
        [ -s line/labels/$serial.png ] || { echo "demo: no label of $serial" >&2; exit 1; }
done
ls -l line/labels
if command -v zbarimg >/dev/null; then show zbarimg --raw -q line/labels/SO-001001.png 2>/dev/null | grep -v pop; fi
