/* certgen: the fleet's identities. */
#include <sys/resource.h>

#include "certgen.h"
#include "host/pool.h"

static const struct opt tool_options[] = {
        { 0, "ca", OPT_STR, &common.ca, "DIR", "folder of the CA (ca)", 0 },
        { 0, "ca-cert", OPT_STR, &common.ca_cert, "FILE",
          "certificate to issue under (DIR/issuing.crt)", 0 },
        { 0, "ca-key", OPT_STR, &common.ca_key, "FILE|URI",
          "its key, a file or pkcs11:… (DIR/issuing.key)", 0 },
        { 0, "index", OPT_STR, &common.index, "FILE", "what was issued (DIR/index.sqlite)", 0 },
        { 0, "module", OPT_STR, &common.module, "FILE", "PKCS#11 library of the token", 0 },
        { 0, "passphrase-file", OPT_STR, &common.passphrase_file, "FILE",
          "passphrase or PIN: first line of FILE", 0 },
        { 0, "passphrase-fd", OPT_INT, &common.passphrase_fd, "N",
          "the same from an open file descriptor", 0 },
        { 0, "json", OPT_FLAG, &common.json, NULL, "one JSON object a line on stdout", 0 },
        { 'q', "quiet", OPT_FLAG, &common.quiet, NULL, "no summary, no notes", 0 },
        { 0 },
};

static const struct command commands[] = {
        { "ca", "[DIR]", "make a root and an issuing CA", ca_options, 0, 1, cmd_ca,
          "Example:\n  certgen ca --cn Acme ca" },
        { "device", "", "key and certificate of one device", device_options, 0, 0, cmd_device,
          "Asked twice, it gives the same certificate.\n\nExample:\n  certgen device --cn "
          "SO-000001 --out devices" },
        { "batch", "", "many devices and values.csv for nvsgen batch", batch_options, 0, 0,
          cmd_batch,
          "Killed or interrupted, the same command finishes the job.\n\nExamples:\n"
          "  certgen batch --count 1000 --cn 'SO-%06u' --out batch\n"
          "  certgen batch --devices list.csv --prov --qr png --out batch" },
        { "sign", "REQUEST|FOLDER...", "certificates for signing requests", sign_options, 1, -1,
          cmd_sign,
          "A request must be for the device that its file's name says "
          "(SO-000001.csr).\n\nExample:\n"
          "  certgen sign requests/ --out devices" },
        { "csr", "", "a key and its signing request", csr_options, 0, 0, cmd_csr, NULL },
        { "server", "", "key and certificate of a broker or an update server", server_options, 0, 0,
          cmd_server,
          "Example:\n  certgen server --dns broker.local --ip 192.168.1.20 --name server" },
        { "pki", "DIR", "CA, broker, update server, client and mosquitto's settings at once",
          pki_options, 1, 1, cmd_pki, "Example:\n  certgen pki --ip 192.168.1.20 bench" },
        { "verify", "CERTIFICATE...", "key, chain, dates, usage, size, revocation", verify_options,
          1, -1, cmd_verify, NULL },
        { "inspect", "FILE...", "what is in a certificate, request, key or revocation list",
          inspect_options, 1, -1, cmd_inspect, NULL },
        { "convert", "INPUT OUTPUT", "PEM to DER and back", convert_options, 0, 2, cmd_convert,
          NULL },
        { "list", "", "what was issued", list_options, 0, 0, cmd_list, NULL },
        { "revoke", "NAME|SERIAL...", "declare certificates no longer good", revoke_options, 1, -1,
          cmd_revoke, NULL },
        { "crl", "", "the list of revoked certificates", crl_options, 0, 0, cmd_crl, NULL },
        { "register", "aws|azure|mosquitto|rainmaker",
          "files that make a cloud or a broker know the fleet", register_options, 1, 1,
          cmd_register, NULL },
        { "fetch", "HOST[:PORT]", "the certificates that a TLS server shows", fetch_options, 1, 1,
          cmd_fetch, NULL },
        { "signing-key", "FILE", "a key for secure boot, a code-signing certificate",
          signing_key_options, 1, 1, cmd_signing_key, NULL },
        { "secure-cert", "[CERTIFICATE...]", "esp_secure_cert partitions: made, read, checked",
          secure_cert_options, 0, -1, cmd_secure_cert,
          "Examples:\n"
          "  certgen secure-cert --device-cert dev.crt --private-key dev.key --ca-cert ca/ca.crt\n"
          "  certgen secure-cert --ca-cert ca/root.crt --out images devices/SO-*.crt\n"
          "  certgen secure-cert --parse-bin esp_secure_cert.bin" },
        { 0 },
};

static const struct tool tool = {
        .name = "certgen",
        .summary = "keys and certificates for devices, each exactly once",
        .options = tool_options,
        .commands = commands,
        .more = "Exit status: 0 done, 1 bad input, 2 usage, 3 no answer, 4 verification failed, 5 "
                "station "
                "trouble.",
};

int main(int argc, char **argv)
{
        /* a core file would hold keys */
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
        interrupt_catch();
        return tool_main(&tool, argc, argv);
}
