#!/usr/bin/env bash
# A CA whose keys live in a token (SoftHSM 2): made there, used, and every way in which a token says no.
# shellcheck source=tests/lib.sh
. tests/lib.sh
module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ -e "$m" ] && module=$m
done
if [ -z "$module" ] || ! command -v softhsm2-util >/dev/null || ! command -v openssl >/dev/null; then
        skip softhsm "softhsm2 or openssl is not installed"
        finish
        exit
fi
cd "$T" || exit 5
mkdir tokens
echo "directories.tokendir = $T/tokens" >softhsm2.conf
export SOFTHSM2_CONF=$T/softhsm2.conf
softhsm2-util --init-token --free --label factory --so-pin 87654321 --pin 4711 >/dev/null || exit 5
printf '4711\n' >pin
printf '4712\n' >wrong
chmod 600 pin wrong
CG="certgen -q --module $module --passphrase-file pin"

run $CG ca --cn Acme --token 'pkcs11:token=factory' ca
expect "a CA in a token" 0
check "no key file beside it" test ! -e ca/issuing.key -a ! -e ca/root.key
check "the URI holds no PIN" sh -c '! grep -q "pin\|4711" ca/*.uri'
check "openssl verifies it" openssl verify -CAfile ca/root.crt ca/issuing.crt
if command -v pkcs11-tool >/dev/null; then
        pkcs11-tool --module "$module" -l --pin 4711 -O --type privkey >objects.txt 2>/dev/null
        check "both keys are in the token, not extractable" test "$(grep -c 'never extractable' objects.txt)" -eq 2
else
        skip "the token from outside" "no pkcs11-tool (opensc)"
fi
run $CG device --ca ca --cn T-1 --out dev
expect "a device from the token" 0
run $CG batch --ca ca --count 200 --cn 'T2-%03u' --out batch -j 4
expect "a batch on four threads from the token" 0
check "openssl verifies all of them" sh -c 'openssl verify -CAfile ca/root.crt -untrusted ca/issuing.crt dev/*.crt batch/devices/*.crt'
run certgen verify --ca ca batch/devices/T2-*.crt
expect "certgen verifies all of them" 0
run $CG revoke --ca ca T-1
run $CG crl --ca ca
expect "the token signs a revocation list" 0
check "openssl verifies the list" openssl crl -in crl.pem -noout -CAfile ca/ca.crt

run $CG ca --token 'pkcs11:token=factory;object=rsa' --key rsa2048 ca-rsa
expect "an RSA CA in the token" 0
run $CG device --ca ca-rsa --cn R-1 --out dev
check "openssl verifies what it signed" openssl verify -CAfile ca-rsa/root.crt -untrusted ca-rsa/issuing.crt dev/R-1.crt
run $CG csr --cn H-1 --key-file 'pkcs11:token=factory;object=issuing'
expect "a request with a key in the token" 0
check "openssl verifies the request" openssl req -in H-1.csr -noout -verify

run certgen -q --module "$module" --passphrase-file wrong device --ca ca --cn T-9 --out no
expect "wrong PIN" 1 'PIN of the token is wrong'
run $CG ca --token 'pkcs11:token=elsewhere' no-ca
expect "no such token" 1 'token of the pkcs11 URI is not there'
run $CG ca --token 'pkcs11:token=factory?pin-value=4711' no-ca
expect "a PIN in the URI is refused" 1 'PIN does not belong'
run $CG ca --token 'pkcs11:token=factory;nonsense' no-ca
expect "no URI" 1 'no pkcs11 URI'
run certgen -q --module /nowhere.so --passphrase-file pin device --ca ca --cn T-9 --out no
expect "no such module" 1 'PKCS#11 library'
run $CG device --ca ca --ca-key 'pkcs11:token=factory;object=absent' --cn T-9 --out no
expect "no such key" 1 'no such private key'
run $CG device --ca ca --ca-key 'pkcs11:token=factory;object=root' --cn T-9 --out no
expect "another key of the token" 4 'does not belong'
run $CG ca --token 'pkcs11:token=factory;object=ed' --key ed25519 no-ca
expect "ed25519 in a token" 1 'ed25519'
check "nothing half-made" sh -c '[ ! -e no-ca/ca.crt ] && [ -z "$(ls no 2>/dev/null)" ]'
# shellcheck disable=SC2046,SC2086
if ${CC:-cc} -shared -fPIC $(pkg-config --cflags p11-kit-1) -o locked.so "$TOP/tests/e2e/locked_token.c" 2>cc.err; then
        run certgen -q --module "$T/locked.so" --passphrase-file pin ca --token 'pkcs11:token=locked' no-ca
        expect "a locked PIN" 5 'PIN of the token is locked'
else
        skip "a locked PIN" "the module of the test cannot be built: $(head -1 cc.err)"
fi
rm -rf tokens/*
run $CG device --ca ca --cn T-9 --out no
expect "the token was pulled out" 1 'is not there'
finish
