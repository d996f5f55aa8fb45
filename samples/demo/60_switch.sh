# shellcheck shell=sh
# Switched by curl, as in the tutorial, and by its button.
me="--tlsv1.2 --cacert ca/ca.crt --cert devices/SO-000001.crt --key devices/SO-000001.key"
thing=https://$HOST:$REST_PORT/things/SO-000001/shadow
output_is() { [ "$(vboard ctl board.ctl output)" = "$1" ]; }
# shellcheck disable=SC2086
shadow_has() { curl -sS $me "$thing" | grep -qE -- "$1"; }
# shellcheck disable=SC2086
shadow() { show curl -sS $me "$thing"; echo; }
# shellcheck disable=SC2086
desire() { show curl -sS -d "{\"state\":{\"desired\":{$1}}}" $me "$thing"; echo; }

step "curl sees it in the cloud: off"
wait_for shadow_has '"reported":\{[^}]*"output":false'
shadow

step "curl switches it on"
desire '"output":true'
wait_for output_is on
show vboard ctl board.ctl output
wait_for shadow_has '"reported":\{[^}]*"output":true'
wait_for heard 'output is 1'

step "Somebody presses its button; curl sees that it is off"
show vboard ctl board.ctl press 100
wait_for shadow_has '"reported":\{[^}]*"output":false'
shadow
desire '"output":true' # on again, for what comes
wait_for output_is on
