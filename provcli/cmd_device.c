/* provcli info, status, custom, reset, reprov. */
#include "provcli.h"

#include <string.h>

#include "base/err.h"
#include "base/hex.h"

static void json_line(const char *result)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "result", result);
        json_close(&w, '}');
        putchar('\n');
}

int run_info(int argc, char **argv)
{
        struct device dev;
        struct prov_info info;
        struct diag d = { 0 };
        struct json_writer w = { .out = stdout };
        int rc = device_link(&dev);

        (void)argc;
        (void)argv;
        if (rc < 0)
                return (int)err_status(rc);
        rc = prov_info_get(dev.link, &info, &d);
        device_close(&dev);
        if (rc < 0)
                return say_failure(rc, &d, NULL);
        if (!opts.json) {
                printf("protocol %s, security %d%s%s%s\n", info.ver, info.security,
                       info.security == 2
                               ? (info.patch ? " with IV counter" : " with fixed IV (old firmware)")
                               : "",
                       info.security == 1 && info.no_pop ? ", no proof of possession" : "",
                       info.wifi_scan ? ", scans networks" : "");
                return STATUS_DONE;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "ver", info.ver);
        json_int(&w, "security", info.security);
        json_int(&w, "patch", info.patch);
        json_bool(&w, "no_pop", info.no_pop);
        json_bool(&w, "wifi_scan", info.wifi_scan);
        json_str(&w, "text", info.text);
        json_close(&w, '}');
        putchar('\n');
        return STATUS_DONE;
}

int run_status(int argc, char **argv)
{
        static const char *const words[] = { "connected", "connecting", "disconnected", "failed" };
        struct device dev;
        struct prov_wifi_state s = { 0 };
        struct diag d = { 0 };
        const char *word;
        int rc = device_open(&dev);

        (void)argc;
        (void)argv;
        if (rc < 0)
                return (int)err_status(rc);
        rc = prov_state_get(&dev.session, &s, &d);
        device_close(&dev);
        if (rc < 0)
                return say_failure(rc, &d, NULL);
        word = s.sta_state < 4 ? words[s.sta_state] : "unknown";
        if (s.sta_state == PROV_STA_FAILED)
                word = result_word(-E_VERIFY, &s);
        if (opts.json)
                json_line(word);
        else
                printf("%s%s%s\n", word, s.has_connected ? ", address " : "",
                       s.has_connected ? s.ip4 : "");
        return STATUS_DONE;
}

int run_custom(int argc, char **argv)
{
        struct device dev;
        struct diag d = { 0 };
        uint8_t answer[PROV_MESSAGE_MAX];
        long n;
        int rc;

        (void)argc;
        if (!*argv[1])
                return usage_error("DATA: a device takes no empty message");
        if ((rc = device_open(&dev)) < 0)
                return (int)err_status(rc);
        n = prov_session_request(&dev.session, argv[0], (const uint8_t *)argv[1], strlen(argv[1]),
                                 answer, sizeof answer, &d);
        device_close(&dev);
        if (n < 0)
                return say_failure((int)n, &d, NULL);
        if (opts.json) {
                struct json_writer w = { .out = stdout };
                char hex[2 * PROV_MESSAGE_MAX + 1];

                hex_encode(answer, (size_t)n, hex);
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "hex", hex);
                json_close(&w, '}');
                putchar('\n');
        } else {
                fwrite(answer, 1, (size_t)n, stdout);
        }
        return STATUS_DONE;
}

static int control(enum prov_ctrl_op op)
{
        struct device dev;
        struct diag d = { 0 };
        int rc = device_open(&dev);

        if (rc < 0)
                return (int)err_status(rc);
        rc = prov_ctrl(&dev.session, op, &d);
        device_close(&dev);
        if (rc < 0)
                return say_failure(rc, &d, NULL);
        if (opts.json)
                json_line("done");
        else if (!opts.quiet)
                puts("the device waits for credentials");
        return STATUS_DONE;
}

int run_reset(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return control(PROV_CTRL_RESET);
}

int run_reprov(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return control(PROV_CTRL_REPROV);
}
