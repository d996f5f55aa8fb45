# shellcheck shell=sh
# Over the air: a damaged image, then a good one.
step "Version 1.1.0 is put on the update server, and a copy with one wrong bit"
show "$built/fw/pack" --app-version 1.1.0 --project outlet -o cloud/www/outlet-1.1.0.bin "$built/fw/outlet.elf"
show flasher image-info cloud/www/outlet-1.1.0.bin | grep -iE '^\$|version|project' || :
sed 's/\x7fELF/\x7fELG/' cloud/www/outlet-1.1.0.bin >cloud/www/damaged.bin

step "The damaged one is refused, and the shadow says why"
desire "\"ota_url\":\"https://$HOST:$UPDATE_PORT/damaged.bin\""
wait_for heard 'update: refused'
wait_for shadow_has '"ota_status":"refused'

step "The good one runs, proves itself, and the output never went off"
changes() { vboard ctl board.ctl status | sed 's/.*"output_changes":\([0-9]*\).*/\1/'; }
before=$(changes)
desire "\"ota_url\":\"https://$HOST:$UPDATE_PORT/outlet-1.1.0.bin\""
wait_for heard 'update: version 1.1.0 is valid'
wait_for shadow_has '"fw_version":"1.1.0"'
show vboard ctl board.ctl output
[ "$(changes)" = "$before" ] || { echo "demo: the output has flickered" >&2; exit 1; }
shadow
