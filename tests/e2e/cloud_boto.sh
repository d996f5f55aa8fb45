#!/usr/bin/env bash
# Amazon's own client (boto3) against shadowd: what it sends is understood, what it gets it takes for AWS's answers.
. tests/lib.sh

for c in mosquitto nginx curl setsid flock python3; do
        PATH=$PATH:/usr/sbin command -v $c >/dev/null || { skip "boto3 and shadowd" "$c is not installed"; finish; exit; }
done
python3 -c 'import boto3' 2>/dev/null || { skip "boto3 and shadowd" "boto3 is not installed (Debian: python3-boto3)"; finish; exit; }
C=$T/cloud
trap 'samples/cloud/down "$C" >/dev/null 2>&1; rm -rf "$T"' EXIT
run samples/cloud/up -q --mqtt-port 0 --thing dev-1 "$C"
expect "a cloud" 0
. "$C/cloud.env"
# a signature is wanted by the client, not by us: the certificate says who it is
export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=eu-central-1 AWS_EC2_METADATA_DISABLED=true
python3 - "https://127.0.0.1:$REST_PORT" "$CA" "$C/devices/dev-1" >"$T/boto" 2>"$T/boto.err" <<'END'
import json, sys
import boto3
from botocore.config import Config

url, ca, me = sys.argv[1:]
iot = boto3.client("iot-data", endpoint_url=url, verify=ca,
                   config=Config(client_cert=(me + ".crt", me + ".key"), retries={"max_attempts": 1}))
n = 0

def case(name, ok):
    global n
    n += 1
    print("good" if ok else "bad", name)

def body(answer):
    return json.loads(answer["payload"].read())

def update(state, **more):
    return body(iot.update_thing_shadow(thingName="dev-1", payload=json.dumps({"state": state, **more})))

def refused(name, want, call, *args, **kw):
    try:
        call(*args, **kw)
        case(name + ": not refused", False)
    except Exception as e:
        code = getattr(e, "response", {}).get("Error", {}).get("Code")
        case("%s: %s" % (name, code), type(e).__name__ == want or code == want)

refused("get without a shadow", "ResourceNotFoundException", iot.get_thing_shadow, thingName="dev-1")
r = update({"desired": {"led": "on"}})
case("an update", r["state"] == {"desired": {"led": "on"}} and r["version"] == 1 and "led" in r["metadata"]["desired"])
r = body(iot.get_thing_shadow(thingName="dev-1"))
case("get", r["state"] == {"desired": {"led": "on"}, "delta": {"led": "on"}} and r["version"] == 1 and "timestamp" in r)
r = update({"reported": {"led": "on"}}, version=1)
case("a report at the right version", r["version"] == 2)
r = body(iot.get_thing_shadow(thingName="dev-1"))
case("no delta any more", r["state"] == {"desired": {"led": "on"}, "reported": {"led": "on"}})
refused("an old version", "ConflictException", update, {"desired": {"led": "off"}}, version=1)
refused("no state", "InvalidRequestException", iot.update_thing_shadow, thingName="dev-1", payload=b"{}")
refused("no JSON", "InvalidRequestException", iot.update_thing_shadow, thingName="dev-1", payload=b"{")
refused("too large", "RequestEntityTooLargeException", update, {"desired": {"x": "y" * 9000}})
refused("not UTF-8", "UnsupportedDocumentEncodingException", iot.update_thing_shadow, thingName="dev-1",
        payload=b'{"state":{"desired":{"a":"\xff"}}}')
refused("another thing", "ForbiddenException", iot.get_thing_shadow, thingName="dev-2")
r = body(iot.delete_thing_shadow(thingName="dev-1"))
case("delete", r["version"] == 2)
refused("then it is gone", "ResourceNotFoundException", iot.get_thing_shadow, thingName="dev-1")
refused("delete again", "ResourceNotFoundException", iot.delete_thing_shadow, thingName="dev-1")
r = update({"desired": {"a": None, "b": [1, 2.5, True, {"c": "\u00e4\u20ac"}]}})
case("made again, it goes on counting", r["version"] == 3)
r = body(iot.get_thing_shadow(thingName="dev-1"))
case("lists, numbers and characters come back", r["state"]["desired"] == {"b": [1, 2.5, True, {"c": "\u00e4\u20ac"}]})
print("cases", n)
END
status=$?
if [ "$status" -ne 0 ]; then fail "boto3 runs through" "$(tail -5 "$T/boto.err")"; fi
while read -r verdict name; do
        case $verdict in
        good) pass "boto3: $name" ;;
        bad) fail "boto3: $name" ;;
        cases) check "boto3: all cases ran" test "$name" = 16 ;;
        esac
done <"$T/boto"
finish
