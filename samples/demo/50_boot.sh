# shellcheck shell=sh
# The first start, and a network.
step "The board boots what lies on its flash: bootloader, table, otadata, app"
echo "$ flasher -p $port monitor >uart.txt &"
: >uart.txt
flasher -p "$port" monitor >uart.txt 2>monitor.txt &
monitor=$!
wait_for heard '^FCTRY-SELFTEST'

step "Its owner gives it a network (provcli), with the proof of possession from its label"
printf 'correct horse' >passphrase
setup=127.0.0.1:$(sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p' uart.txt | tail -1)
show provcli http --pop-file pop --ssid home --passphrase-file passphrase "$setup"
wait_for heard 'cloud: connected'
