#!/usr/bin/env bash
# certgen's commands, judged by the openssl program where it has an opinion.
# shellcheck source=tests/lib.sh
. tests/lib.sh
command -v openssl >/dev/null || { skip certgen "openssl is not installed"; finish; exit; }

cd "$T" || exit 5
umask 022
printf 'correct horse\n' >pass
printf 'wrong horse\n' >wrong
chmod 600 pass wrong
CG="certgen --passphrase-file pass -q"

# ca: every key type, encrypted, verified by openssl
for type in p256 p384 rsa2048 ed25519; do
        run $CG ca --cn Acme --key $type "ca-$type"
        expect "ca --key $type" 0
        check "openssl verifies the $type chain" openssl verify -CAfile "ca-$type/root.crt" "ca-$type/issuing.crt"
        check "openssl reads the $type key" openssl pkey -in "ca-$type/issuing.key" -passin file:pass -noout
done
mv ca-p256 ca
run grep -l "BEGIN ENCRYPTED PRIVATE KEY" ca/root.key ca/issuing.key
expect "both keys are encrypted" 0
check "modes of CA folder and keys" test "$(stat -c %a ca ca/root.key ca/issuing.key ca/index.sqlite | tr '\n' ' ')" = "700 600 600 600 "
run $CG ca ca
expect "a CA is never overwritten" 1 'there is a CA already'
certgen -q ca --no-passphrase race >/dev/null 2>&1 &
one=$!
certgen -q ca --no-passphrase race >/dev/null 2>&1 &
two=$!
wait $one
wait $two
check "two at once make one whole CA" certgen -q --ca race device --cn R-1 --out raced
run setsid -w certgen ca other # where a person runs this there is one
expect "no terminal, no passphrase: says which option" 2 'give --passphrase-file FILE or --passphrase-fd N$'
: >empty
run certgen --passphrase-file empty ca other
expect "an empty passphrase" 1 'empty'
check "nothing half-made" test ! -e other/ca.crt
run certgen ca --no-passphrase plain
expect "--no-passphrase says so" 0 'not encrypted'

# device
run $CG device --cn SO-000001 --out dev
expect "device" 0 '^new.SO-000001'
cp dev/SO-000001.crt first.crt
check "openssl verifies it" openssl verify -purpose sslclient -CAfile ca/root.crt -untrusted ca/issuing.crt dev/SO-000001.crt
check "modes of folder and key" test "$(stat -c %a dev dev/SO-000001.key | tr '\n' ' ')" = "700 600 "
run $CG device --cn SO-000001 --out dev
expect "asked twice" 0 '^before.SO-000001'
same "the same certificate" dev/SO-000001.crt first.crt
rm dev/SO-000001.crt
run $CG device --cn SO-000001 --out dev
same "a lost certificate comes back from the index" dev/SO-000001.crt first.crt
echo "something else" >dev/SO-000001.crt
run $CG device --cn SO-000001 --out dev
same "a damaged one too" dev/SO-000001.crt first.crt
run $CG device --cn SO-000001 --prov --out elsewhere
expect "its key is elsewhere: refused, nothing new" 1 'reissue'
check "no file in the other folder" test -z "$(ls elsewhere)"
run $CG device --cn SO-000001 --out dev --reissue
expect "--reissue" 0 '^new'
check "another serial number" sh -c '! cmp -s dev/SO-000001.crt first.crt'
run certgen verify --no-chain first.crt
expect "the old one is revoked" 4 'revoked'
run certgen --passphrase-file wrong device --cn SO-2
expect "wrong passphrase" 1 'passphrase is wrong'
check "wrong passphrase leaves nothing" test ! -e SO-2.key
run sh -c "printf 'correct horse' | certgen --passphrase-fd 0 device --cn SO-3 --stdout-key | openssl pkey -noout"
# stdin of run is /dev/null, the pipe inside is not
expect "--stdout-key into a pipe, passphrase from a descriptor" 0
check "--stdout-key writes no file" test ! -e SO-3.key
if command -v script >/dev/null; then
        script -qec "$CG device --cn SO-4 --stdout-key" /dev/null >out.txt 2>&1 </dev/null
        check "--stdout-key is refused on a terminal" grep -q 'not written to a terminal' out.txt
        check "no key on the terminal" sh -c '! grep -q PRIVATE out.txt'
else
        skip "--stdout-key on a terminal" "no script(1)"
fi
run sh -c "$CG device --cn SO-5 --stdout-key >/dev/full"
expect "a lost key is a failure" 5 'key was lost'
for type in p384 rsa2048 ed25519; do
        run $CG device --cn "T-$type" --key $type --out dev
        expect "device --key $type" 0
        check "openssl: key and certificate of $type belong together" sh -c \
                "openssl x509 -in dev/T-$type.crt -noout -pubkey >a.pem; openssl pkey -in dev/T-$type.key -pubout >b.pem; cmp a.pem b.pem"
done
for form in pkcs8 sec1; do
        run $CG device --cn "D-$form" --encoding der --key-format $form --out dev
        expect "device in DER, $form" 0
        check "openssl reads DER $form" openssl pkey -inform der -in "dev/D-$form.key.der" -noout
done
check "SEC1 DER is openssl's, byte for byte" sh -c \
        'openssl ec -inform der -in dev/D-sec1.key.der -outform der 2>/dev/null | cmp - dev/D-sec1.key.der'
check "PKCS#8 DER is openssl's, byte for byte" sh -c \
        'openssl pkcs8 -topk8 -nocrypt -inform der -in dev/D-pkcs8.key.der -outform der | cmp - dev/D-pkcs8.key.der'
run $CG device --cn "../x y" --out dev
check "a name with a slash stays in its folder" test -e dev/%2E.%2Fx%20y.key
run $CG device --cn "$(printf 'x%.0s' $(seq 65))"
expect "65 characters" 1 'holds 64'

# profiles
cat >profile.json <<'JSON'
{ "no_expiry": true, "subject": { "O": "Acme" }, "san": [ "dns:{cn}.local", "ip:10.0.0.7" ], "key_usage": [ "digitalSignature", "keyAgreement" ] }
JSON
run $CG device --cn P-1 --profile profile.json --out dev
expect "profile from a file" 0
openssl x509 -in dev/P-1.crt -noout -text >p1.txt
check "profile: no expiry" grep -q 'Not After : Dec 31 23:59:59 9999' p1.txt
check "profile: names" grep -q 'DNS:P-1.local, IP Address:10.0.0.7' p1.txt
check "profile: subject" grep -q 'O = Acme, CN = P-1' p1.txt
check "profile: key usage" grep -q 'Digital Signature, Key Agreement' p1.txt
echo '{ "validity": 3 }' >bad.json
run $CG device --cn P-2 --profile bad.json
expect "profile with an unknown member" 1 'unknown member "validity"'
echo '{ "key": ' >bad.json
run $CG device --cn P-2 --profile bad.json
expect "profile that is no JSON: file, line and column" 1 'bad.json:[0-9]+:[0-9]+: not valid JSON'

# a CA that may not sign, or no longer
run $CG device --cn X-1 --ca-cert dev/P-1.crt --ca-key dev/P-1.key --index x.sqlite
expect "CA without CA:TRUE" 4 'CA:TRUE'
run $CG device --cn X-1 --ca-cert ca/issuing.crt --ca-key dev/P-1.key --index x.sqlite
expect "CA with a key that is not its own" 4 'does not belong'
echo '{ "base": "issuing", "not_before": "2020-01-01", "not_after": "2021-01-01" }' >old.json
run $CG device --cn Old --profile old.json --out .
mv Old.crt old.crt
mv Old.key old.key
run $CG device --cn X-1 --ca-cert old.crt --ca-key old.key --index x.sqlite
expect "expired CA" 4 'expired on 2021-01-01'
run $CG device --cn X-1 --ca nowhere
expect "no CA at all: says how to make one" 1 'certgen ca nowhere'

# sign and csr
chmod 644 wrong
certgen --passphrase-file wrong verify dev/P-1.crt dev/T-p384.crt >out.txt 2>&1
check "an open passphrase file is said, once" test "$(grep -c 'may be read by others' out.txt)" -eq 1
mkdir req
for i in 1 2; do run certgen -q csr --cn C-$i --out req/C-$i.csr --key-file C-$i.key; done
check "openssl verifies our request" openssl req -in req/C-1.csr -noout -verify
openssl req -newkey rsa:1024 -nodes -keyout weak.key -out req/C-3.csr -subj /CN=C-3 2>/dev/null
run $CG sign req --out signed
expect "a 1024-bit key is refused" 4 '1024 bits'
check "one bad request: nothing is signed" test ! -e signed
rm req/C-3.csr
cp req/C-1.csr req/C-7.csr
run $CG sign req --out signed
expect "a request for another device" 4 'the file.s name says another device'
rm req/C-7.csr
openssl req -in req/C-1.csr -outform der -out good.der
{ head -c "$(($(stat -c %s good.der) - 1))" good.der; printf '\377'; } >C-1.csr
run $CG sign C-1.csr --out signed
expect "a forged signature" 4 'signature of the request is wrong'
run $CG sign req --out signed
expect "sign a folder" 0 '^new.C-2'
check "openssl verifies what was signed" openssl verify -CAfile ca/root.crt -untrusted ca/issuing.crt signed/C-1.crt signed/C-2.crt
run $CG sign req --out signed
expect "signed twice: the same" 0 '^before.C-1'
run certgen -q csr --cn C-9 --key-file C-1.key --out C-9.csr
run $CG sign C-9.csr --out signed
expect "a key that is certified already" 1 'certified for .C-1. before'
run certgen -q csr --cn C-1 --key-file new.key --out C-1.csr
run $CG sign C-1.csr --out signed
expect "another key for the same device" 1 'another key'
run $CG sign C-1.csr --cn C-2 --out signed
expect "--cn expects another device" 4 'expected .C-2.'

run certgen -q csr --cn F-1 --key-file F-1.key --out folder
expect "csr: --out without an extension is a folder" 0
run certgen -q csr --cn F-2 --key-file F-2.key --out folder/
run certgen --json csr --cn F-2 --key-file F-2.key --out folder
expect "csr --json" 0 '^[{]"v":1,"event":"file","file":"folder/F-2.csr"[}]$'
run $CG sign folder --out signed
expect "sign finds what csr put there" 0 '^new.F-2'
expect "sign names no key file: the key is not here" 0 'F-2.crt.-$'
check "the request is named after its device" test -s folder/F-1.csr
check "no file beside it" test "$(ls folder | tr '\n' ' ')" = "F-1.csr F-2.csr "
for command in device csr sign ca; do
        case $command in
        sign) run $CG sign --cn "" folder ;;
        *) run $CG $command --cn "" ;;
        esac
        expect "$command: an empty name names the option" 2 '--cn is empty'
done
run $CG batch --devices list.csv --count 2 --out both
expect "batch: a list and a number" 2 'either --devices'
if command -v sqlite3 >/dev/null; then
        cp ca/index.sqlite older.sqlite
        sqlite3 older.sqlite 'DROP TABLE run'
        run $CG device --cn O-1 --index older.sqlite --out older
        expect "an index of another version: what to do" 1 'use the certgen that made it'
        check "nothing half-made with it" test -z "$(ls older 2>/dev/null)"
else
        skip "an index of another version" "sqlite3 is not installed"
fi
cp pass junk.sqlite
run $CG device --cn O-1 --index junk.sqlite --out older
expect "an index that is none: what to do" 1 'backup'

# verify, inspect, convert
run certgen verify dev/P-1.crt
expect "verify, with the key beside" 0 'good, and its key'
run certgen verify dev/P-1.crt --key-file C-1.key
expect "verify: the wrong key" 4 'does not belong'
run certgen verify dev/P-1.crt --purpose server
expect "verify: wrong purpose" 4 'serverAuth is missing'
run certgen verify dev/P-1.crt --trust ca-p384/ca.crt
expect "verify: foreign CA" 4 'chain'
run certgen verify dev/P-1.crt --clock 2020-01-01
expect "verify: a device whose clock is behind" 4 'not yet valid.*|--clock'
run certgen verify dev/P-1.crt --max-size 100
expect "verify: too large" 4 'at most 100'
run certgen verify old.crt --no-chain --purpose any
expect "verify: expired" 4 'expired'
run certgen inspect --json dev/P-1.crt req/C-1.csr C-1.key ca/root.key
expect "inspect --json" 0 '"kind":"private key, encrypted"'
check "inspect shows no secret" sh -c "! grep -q PRIVATE '$T/stdout'"
run certgen inspect pass
expect "inspect of something else" 1 'neither certificate'
run certgen convert dev/P-1.crt p1.der
check "convert to DER as openssl does" sh -c 'openssl x509 -in dev/P-1.crt -outform der | cmp - p1.der'
run certgen convert p1.der p1.pem
same "and back" p1.pem dev/P-1.crt
mkdir fr && cp dev/P-1.crt fr/cert.pem && cp dev/P-1.key fr/privatekey.pem
run certgen signing-key --scheme v1 sk1.pem --cert fr/ecdsasigner.crt
expect "signing-key v1 with a code-signing certificate" 0
check "signing-key v1 is prime256v1" sh -c 'openssl ec -in sk1.pem -noout -text 2>/dev/null | grep -q prime256v1'
run certgen convert --freertos fr
expect "the three files of the FreeRTOS script" 0 'csk.der'
check "they are what openssl makes" sh -c 'openssl x509 -in fr/ecdsasigner.crt -outform der | cmp - fr/csk.der'
check "privatekey.der is secret" test "$(stat -c %a fr/privatekey.der)" = 600
mkdir part && cp dev/P-1.key part/privatekey.pem && cp dev/P-1.crt part/cert.pem
run certgen convert --freertos part
expect "one of the three is missing" 1 'part/ecdsasigner.crt'
check "then none is converted" test ! -e part/privatekey.der
run certgen signing-key sk0.pem --cert nowhere/sk0.crt
expect "signing-key: its certificate cannot be written" 1 'nowhere/sk0.crt'
check "then no key is left, the next run works" certgen signing-key sk0.pem --cert sk0.crt
run certgen signing-key sk2.pem
expect "signing-key v2" 0
check "signing-key v2 is RSA-3072" sh -c 'openssl rsa -in sk2.pem -noout -text 2>/dev/null | grep -q "3072 bit"'
run certgen signing-key sk2.pem
expect "a signing key is never overwritten" 1 'never overwritten'
run certgen signing-key --scheme v1 --key p384 sk3.pem
expect "v1 takes prime256v1 only" 2

# revoke, crl
run certgen -q revoke C-1 --reason key-compromise
expect "revoke" 0 '^revoked'
run certgen -q revoke C-1
expect "revoke again: nothing happens" 0 '^before'
run certgen -q --json revoke C-1
expect "revoke --json" 0 '^[{]"v":1,"event":"revoke","outcome":"before","name":"C-1"'
run $CG device --cn C-1 --out again
expect "the revoked device gets no other certificate by asking" 1 'was revoked; --reissue'
run certgen -q revoke SO-999999
expect "revoke the unknown" 1 'no certificate with this name'
run $CG crl --out crl.pem
expect "crl" 0
run $CG --json crl --out crl.pem
expect "crl --json" 0 '"file":"crl.pem"'
check "openssl verifies the list" openssl crl -in crl.pem -noout -CAfile ca/ca.crt
cat ca/ca.crt crl.pem >bundle.pem
check "openssl refuses the revoked one" sh -c '! openssl verify -crl_check -CAfile bundle.pem signed/C-1.crt'
check "openssl takes the other" openssl verify -crl_check -CAfile bundle.pem signed/C-2.crt

# an index on a disk that cannot be written is read: also one of version 1, and by a name that SQLite's URIs would take apart
run certgen verify signed/C-1.crt
expect "verify: revoked" 4 'revoked \(serial'
ice='i?c#e%41'
mkdir "$ice"
cp -r ca "$ice/"
certgen list >list.txt
if read_only "$ice" true 2>/dev/null; then
        for version in 2 1; do
                run read_only "$ice" certgen --ca "$ice/ca" list
                expect "list, version $version, read only" 0
                same "it is the same list" list.txt "$T/stdout"
                run read_only "$ice" certgen --ca "$ice/ca" verify signed/C-1.crt
                expect "verify, version $version, read only: revoked all the same" 4 'revoked \(serial'
                run read_only "$ice" certgen --ca "$ice/ca" verify dev/P-1.crt
                expect "verify, version $version, read only: the others are good" 0 'good'
                run read_only "$ice" certgen --ca "$ice/ca" revoke C-2
                expect "revoke, version $version, read only" 5 'index.sqlite'
                sqlite3 "$ice/ca/index.sqlite" 'PRAGMA journal_mode=DELETE; DROP INDEX dead_cn; PRAGMA user_version=1; PRAGMA journal_mode=WAL' >/dev/null 2>&1
        done
        cp -r ca logged
        sqlite3 logged/index.sqlite 'INSERT INTO run VALUES (7)' '.shell cp logged/index.sqlite-wal kept-wal'
        mv kept-wal logged/index.sqlite-wal
        run read_only logged certgen --ca logged verify dev/P-1.crt
        expect "with a log that cannot be read: neither good nor bad" 5 'logged/index.sqlite-wal, .* copy both'
else
        skip "an index on a disk that is read only" "no mount namespaces here"
fi
run certgen --index none.sqlite verify dev/P-1.crt
expect "verify: an index that was named has to be there" 1 'none.sqlite'
head -c 4096 /dev/urandom >noise.sqlite
run certgen --index noise.sqlite verify dev/P-1.crt
expect "verify: and to be one" 1 'noise.sqlite: the index is damaged'
cp ca/index.sqlite away.sqlite && sqlite3 away.sqlite 'ALTER TABLE cert RENAME COLUMN reason TO why' >/dev/null
run certgen --index away.sqlite verify dev/P-1.crt
expect "verify: of this certgen" 1 'away.sqlite: not an index of this certgen'
mkdir beside && cp ca/issuing.crt ca/index.sqlite beside/
run certgen --ca nowhere --ca-cert beside/issuing.crt verify --trust ca/ca.crt signed/C-1.crt
expect "verify: the index beside --ca-cert is heard" 4 'revoked \(serial'

# server, pki, register, fetch
run $CG server --dns broker.local --ip 192.0.2.7 --name server --out srv
expect "server" 0
check "openssl: its names" sh -c 'openssl verify -purpose sslserver -verify_hostname broker.local -CAfile ca/ca.crt srv/server.crt &&
        openssl verify -verify_ip 192.0.2.7 -CAfile ca/ca.crt srv/server.crt'
run $CG server --name server
expect "server without a name" 2 '--dns'
run certgen pki --ip 127.0.0.1 bench
expect "pki" 0 'not encrypted'
run certgen -q pki --ip 127.0.0.1 bench
expect "pki again: the same" 0 '^before.client'
for f in ca.crt server.crt server.key update_cert.pem update_key.pem client.crt client.key secure.conf mqtt_certs/client.key ota_certs/ca_cert.pem; do
        [ -s bench/$f ] || fail "pki makes $f"
done
check "keys of the bench are secret" test "$(stat -c %a bench/server.key bench/mqtt_certs/client.key | tr '\n' ' ')" = "600 600 "
run $CG register aws --out aws-nocode
expect "register aws without the code" 0
check "says how to get it" grep -q 'get-registration-code' aws-nocode/NEXT.txt
check "and makes no verification certificate" test ! -e aws-nocode/verification.pem
run $CG register aws --code 0123456789abcdef
expect "register aws" 0 'NEXT.txt'
check "verification certificate" sh -c 'openssl verify -CAfile ca/ca.crt aws/verification.pem && openssl x509 -in aws/verification.pem -noout -subject | grep -q 0123456789abcdef'
run $CG register aws --mode sni-only --out aws-sni
check "sni-only makes no verification certificate" test ! -e aws-sni/verification.pem
for cloud in azure rainmaker mosquitto; do
        run $CG register $cloud
        expect "register $cloud" 0 'NEXT.txt'
done
check "packs name devices only" sh -c '! grep -q "broker.local\|0123456789abcdef" rainmaker/node_certs.csv && grep -q C-2 rainmaker/node_certs.csv'
check "packs leave out the revoked" sh -c '! grep -q "^.C-1" rainmaker/node_certs.csv'
run $CG --json register azure
check "register --json: an object a line" test "$(grep -c '^{"v":1,"event":"file","file":"azure/' "$T/stdout")" -eq 3
run $CG register azure --code ""
expect "register: an empty code" 2 '--code is empty'
run $CG register gcp
expect "register elsewhere" 2
port=$((20000 + $$ % 20000))
(cd bench && exec openssl s_server -WWW -key update_key.pem -cert update_cert.pem -cert_chain ca.crt -port "$port" >/dev/null 2>&1) &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
        run certgen fetch "127.0.0.1:$port" --out fetched
        [ "$status" -eq 0 ] && break
        sleep 0.3
done
kill $server 2>/dev/null
wait $server 2>/dev/null
expect "fetch from openssl s_server -WWW" 0 'ready to be embedded'
same "the first is the server's" <(openssl x509 -in bench/update_cert.pem) fetched/127.0.0.1-1.pem
check "the last is the root" sh -c 'openssl x509 -in fetched/127.0.0.1-ca.pem -noout -subject | grep -q Root'
run certgen fetch "127.0.0.1:99999"
expect "fetch: a port that is none" 2 '65535'
run certgen fetch "127.0.0.1:1"
expect "fetch where nobody listens" 3 'cannot connect'

# provisioning data
run $CG device --cn V-1 --prov --qr text,png,svg --security 2 --out dev
expect "--prov" 0
check "files of --prov are secret" test "$(stat -c %a dev/V-1.prov dev/V-1.qr.png dev/V-1.qr.svg dev/V-1.qr.txt | sort -u)" = 600
check "the payload in plain text" grep -q '^{"ver":"v1","name":"PROV_V-1",' dev/V-1.qr.txt
cp dev/V-1.prov before.prov
run $CG device --cn V-1 --prov --out dev
same "asked twice: the same proof of possession" dev/V-1.prov before.prov
run $CG device --cn V-2 --prov --service-name "$(printf 'x%.0s' $(seq 30))" --out dev
expect "a service name BLE cannot carry" 1 'holds 29'
run $CG device --cn V-2 --transport ble --out dev
expect "provisioning options want --prov" 2

if command -v zbarimg >/dev/null; then
        pop=$(sed -n 's/.*"pop": "\([^"]*\)".*/\1/p' dev/V-1.prov)
        check "a scanner reads the QR picture" test "$(zbarimg -q --raw dev/V-1.qr.png)" = \
                "{\"ver\":\"v1\",\"name\":\"PROV_V-1\",\"username\":\"wifiprov\",\"pop\":\"$pop\",\"transport\":\"ble\"}"
else
        skip "a scanner reads the QR picture" "zbarimg is not installed"
fi

# the terminal: asked twice, nothing shown
if command -v script >/dev/null; then
        (pause 1; echo geheim; pause 1; echo geheim; pause 1) | script -qec "certgen -q ca tty-ca" tty.txt >/dev/null 2>&1
        check "a passphrase typed twice makes a CA" test -e tty-ca/ca.crt
        check "what was typed is not shown" sh -c '! grep -q geheim tty.txt'
        check "it is the passphrase" openssl pkey -in tty-ca/root.key -passin pass:geheim -noout
        (pause 1; echo geheim; pause 1; echo gehiem; pause 1) | script -qec "certgen -q ca tty-no" tty.txt >/dev/null 2>&1
        check "typed differently: no CA" test ! -e tty-no/ca.crt
else
        skip "a passphrase from the terminal" "no script(1)"
fi
mkdir wide && chmod 755 wide
run certgen --passphrase-file pass device --cn W-1 --out wide
expect "a folder that others may read is said" 0 'may be read by others'

# lost output
run sh -c 'certgen list >/dev/full'
expect "list >/dev/full" 5
run certgen --ca pass/ca list
expect "a CA below a file" 1
finish
