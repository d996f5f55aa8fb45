#!/bin/sh
# make-certs.sh DIR [COUNT]: a throw-away CA and COUNT device credentials for the samples, with openssl:
#   DIR/ca.crt ca.key device.crt device.key    and, with COUNT, DIR/dev-N.crt dev-N.key and DIR/batch_values.csv
# Test material: keys are not encrypted and the CA lives for a month. Products use certgen.
set -eu
dir=${1:?usage: make-certs.sh DIR [COUNT]}
count=${2:-0}
umask 077
mkdir -p "$dir"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

device() { # NAME SERIAL
        key "$dir/$1.key"
        openssl req -new -key "$dir/$1.key" -subj "/O=Sample/CN=$2" -out "$dir/$1.csr"
        openssl x509 -req -in "$dir/$1.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days 30 \
                -set_serial "0x$(openssl rand -hex 12)" -sha256 -out "$dir/$1.crt" 2>/dev/null
        rm "$dir/$1.csr"
}

key "$dir/ca.key"
openssl req -x509 -new -key "$dir/ca.key" -days 30 -sha256 -subj "/O=Sample/CN=Sample CA" -out "$dir/ca.crt"
device device SO-000001

[ "$count" -gt 0 ] || exit 0
echo "serial_no,cert,priv_key" >"$dir/batch_values.csv"
n=1
while [ "$n" -le "$count" ]; do
        serial=$(printf 'SO-%06d' "$n")
        device "dev-$n" "$serial"
        echo "$serial,$dir/dev-$n.crt,$dir/dev-$n.key" >>"$dir/batch_values.csv"
        n=$((n + 1))
done
