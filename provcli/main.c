/* provcli: Wi-Fi provisioning of ESP devices from a laptop. */
#include "provcli.h"

struct prov_options opts = { .security = -1, .baud = 115200 };

static const struct opt global[] = {
        { 0, "transport", OPT_STR, &opts.transport, "NAME",
          "softap (default), http, ble or console", .words = "softap|http|ble|console" },
        { 's', "service|service_name|service-name", OPT_STR, &opts.service, "NAME",
          "name of the device, PROV_1234", 0 },
        { 0, "host", OPT_STR, &opts.host, "HOST[:PORT]",
          "address of the device (default 192.168.4.1)", 0 },
        { 'i', "interface", OPT_STR, &opts.interface, "IF", "use this network interface only", 0 },
        { 0, "join", OPT_FLAG, &opts.join, NULL,
          "join the device's SoftAP meanwhile, then return to the network of before", 0 },
        { 0, "join-with", OPT_STR, &opts.join_with, "nm|wpa",
          "through NetworkManager or wpa_supplicant (default: which has the interface)", 0 },
        { 0, "service-key-file", OPT_STR, &opts.service_key_file, "FILE",
          "passphrase of the SoftAP from a file", 0 },
        { 0, "service-key", OPT_STR, &opts.service_key, "KEY",
          "the same (others can see it in ps: --service-key-file)", 0 },
        { 0, "adapter|ble_adapter|ble-adapter", OPT_STR, &opts.adapter, "hciN",
          "use this Bluetooth controller", 0 },
        { 'p', "port", OPT_STR, &opts.port, "PORT", "serial port of the device's console", 0 },
        { 'b', "baud", OPT_INT, &opts.baud, "N", "its rate (default 115200)", 0 },
        { 0, "pop", OPT_STR, &opts.pop, "POP",
          "proof of possession (others can see it in ps: --pop-file)", 0 },
        { 0, "pop-file", OPT_STR, &opts.pop_file, "FILE",
          "proof of possession from a file, '-' for standard input", 0 },
        { 0, "username|sec2_username", OPT_STR, &opts.username, "NAME",
          "user of security 2 (default wifiprov)", 0 },
        { 0, "password|sec2_pwd", OPT_STR, &opts.password, "PW",
          "password of security 2 (visible in ps: --password-file)", 0 },
        { 0, "password-file", OPT_STR, &opts.password_file, "FILE",
          "password of security 2 from a file", 0 },
        { 0, "qr", OPT_STR, &opts.qr, "FILE", "take name, PoP and transport from a label's payload",
          0 },
        { 0, "security|sec_ver", OPT_INT, &opts.security, "N",
          "0, 1 or 2 (default: as the device says)", 0 },
        { 0, "insecure", OPT_FLAG, &opts.insecure, NULL,
          "allow security 0: credentials in clear text", 0 },
        { 't', "timeout", OPT_INT, &opts.timeout_s, "S",
          "seconds for the device to join (default 60)", 0 },
        { 'w', "wait", OPT_INT, &opts.wait_s, "S",
          "seconds for the device to answer a message (default 20)", 0 },
        { 0, "json", OPT_FLAG, &opts.json, NULL, "one JSON object a line on standard output", 0 },
        { 'v', "verbose", OPT_FLAG, &opts.verbose, NULL, "say each step; never a secret", 0 },
        { 'q', "quiet", OPT_FLAG, &opts.quiet, NULL, "only errors", 0 },
        { 0, "proto-ver", OPT_STR, &opts.proto_ver, "V",
          "only a device whose protocol version is this one", 0 },
        { 0 },
};

static const struct command commands[] = {
        { "softap", "", "provision a device through its SoftAP", provision_options, 0, 0,
          run_softap, NULL },
        { "ble", "", "provision the device of --service over Bluetooth LE", provision_options, 0, 0,
          run_ble, NULL },
        { "console", "", "provision the device whose serial console is at --port",
          provision_options, 0, 0, run_console, NULL },
        { "http", "HOST[:PORT]", "provision a device at an address", provision_options, 1, 1,
          run_http, NULL },
        { "qr", "[PAYLOAD]",
          "provision what a label says (from standard input, a scanner, or the argument)",
          provision_options, 0, 1, run_qr, NULL },
        { "batch", "[DEVICES.csv]",
          "provision many devices at a time, with signal strength and time to connect",
          batch_options_table, 0, 1, run_batch, NULL },
        { "scan", "", "devices in the air (Bluetooth LE)", scan_options, 0, 0, run_scan, NULL },
        { "networks", "", "the networks that the device sees", networks_options, 0, 0, run_networks,
          NULL },
        { "status", "", "is the device connected?", NULL, 0, 0, run_status, NULL },
        { "info", "", "the device's protocol version and capabilities", NULL, 0, 0, run_info,
          NULL },
        { "custom", "ENDPOINT DATA", "send data to an application's endpoint, print the answer",
          NULL, 2, 2, run_custom, NULL },
        { "reset", "", "after a failed attempt: make the device wait for credentials again", NULL,
          0, 0, run_reset, NULL },
        { "reprov", "", "make a connected device wait for credentials again", NULL, 0, 0,
          run_reprov, NULL },
        { "gen-cred", "", "salt and verifier of security 2, as columns for nvsgen",
          gen_cred_options, 0, 0, run_gen_cred, NULL },
        { 0 },
};

static const struct command fallback = { "", "", "provision a device", provision_options,
                                         0,  0,  run_provision,        NULL };

int main(int argc, char **argv)
{
        static const struct tool tool = {
                "provcli",
                "put a device on Wi-Fi (ESP-IDF unified provisioning)",
                global,
                commands,
                &fallback,
                "Examples:\n"
                "  provcli softap --service PROV_1234 --pop-file pop --ssid Home\n"
                "  provcli ble --service PROV_1234 --pop-file pop --ssid Home\n"
                "  provcli http 192.168.4.1 --ssid Home\n"
                "  provcli networks\n"
                "The options of esp_prov.py are accepted."
        };

        return tool_main(&tool, argc, argv);
}
