# shellcheck shell=sh
# A CA, and the first outlet's credentials.
step "A CA for the demo, and the credentials of the first outlet (certgen)"
show certgen ca ca --cn "Demo Outlets" --no-passphrase --quiet
show certgen device --ca ca --cn SO-000001 --prov --out devices --quiet
show certgen verify devices/SO-000001.crt --ca ca
