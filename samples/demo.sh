#!/bin/sh
# make demo: the outlet's factory data and partition table, made, checked and shown. Says what it does.
set -eu
cd "$(dirname "$0")/.."
: "${BIN:?BIN must name the folder with the tools}"
PATH=$BIN:$PATH
top=$(pwd)
out=${DEMO_DIR:-$top/build/demo}
rm -rf "$out"
mkdir -p "$out"

step() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
show() {
        printf '$ %s\n' "$*"
        "$@"
}

step "A sample CA, and credentials for eleven outlets (with openssl)"
sh samples/outlet/make-certs.sh "$out" 10
cp samples/outlet/*.csv "$out/"
cd "$out"
ls -- *.crt | wc -l | sed 's/$/ certificates made/'

step "The partition table: from CSV to the bytes that go to 0x8000"
show partgen --flash-size 4MB partitions.csv partition-table.bin
show partgen lint partitions.csv --flash-size 4MB
show partgen map partitions.csv --flash-size 4MB

step "Factory data of one outlet; its size is that of the fctry partition"
show nvsgen mfg_config.csv out.bin --partition-table partitions.csv --partition fctry
show nvsgen check out.bin
show nvsgen verify out.bin mfg_config.csv
show nvsgen dump out.bin --redact

step "Ten outlets at once, each image with its own encryption keys, and a manifest"
show nvsgen batch batch_config.csv batch_values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch
head -3 batch/outlet-manifest.csv
show nvsgen dump batch/bin/outlet-SO-000007.bin --key batch/keys/keys-outlet-SO-000007.bin --redact

step "The same command again keeps what is right already"
show nvsgen batch batch_config.csv batch_values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch

printf '\nDone. Everything is in %s\n' "$out"
