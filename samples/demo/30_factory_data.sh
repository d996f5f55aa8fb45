# shellcheck shell=sh
# Partition table, factory data of one unit, and of ten more.
step "The partition table: from CSV to the bytes that go to 0x8000 (partgen)"
show partgen --flash-size 4MB partitions.csv partition-table.bin
show partgen lint partitions.csv --flash-size 4MB
show partgen map partitions.csv --flash-size 4MB

step "Factory data of the first outlet; its size is that of the fctry partition (nvsgen)"
sed -n 's/.*"pop": "\([^"]*\)".*/\1/p' devices/SO-000001.prov | tr -d '\n' >pop # is on the unit's label
printf '%s\n' "endpoint,data,string,$HOST:$MQTT_PORT" pop,file,string,pop >>mfg_config.csv
show nvsgen mfg_config.csv out.bin --partition-table partitions.csv --partition fctry
show nvsgen check out.bin
show nvsgen verify out.bin mfg_config.csv
show nvsgen dump out.bin --redact

step "Ten more: credentials with proof of possession, images encrypted with keys of their own, a manifest"
show certgen batch --ca ca --count 10 --start 2 --cn 'SO-%06u' --prov --namespace mfg_ns --out batch --quiet
show nvsgen batch batch/config.csv batch/values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch
head -3 batch/outlet-manifest.csv
show nvsgen dump batch/bin/outlet-SO-000007.bin --key batch/keys/keys-outlet-SO-000007.bin --redact

step "The same command again keeps what is right already"
show nvsgen batch batch/config.csv batch/values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch
