/* certgen device: one device's key and certificate. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "certgen.h"
#include "host/report.h"

static const char *cn;
static const char *out_dir = "devices";
static bool reissue, chain;
static bool stdout_key;

const struct opt device_options[] = {
        { 0, "cn", OPT_STR, &cn, "NAME", "the device's common name, like SO-000001", 0 },
        { 'o', "out", OPT_STR, &out_dir, "DIR", "folder for NAME.crt and NAME.key (devices)", 0 },
        SHAPE_OPTIONS,
        PROV_OPTIONS,
        { 0, "chain", OPT_FLAG, &chain, NULL, "put the CA's certificate behind the device's (PEM)",
          0 },
        { 0, "reissue", OPT_FLAG, &reissue, NULL, "revoke what the device has and make it anew",
          0 },
        { 0, "stdout-key", OPT_FLAG, &stdout_key, NULL,
          "write key and certificate to stdout only (not to a terminal)", 0 },
        { 0 },
};

static int issue(struct issue_config *cfg, struct issue_device *dev, struct diag *d)
{
        struct ca_source from = common_ca();
        struct ca ca;
        int rc = ca_open(&from, cfg->now, &ca, d);

        cfg->ca = &ca; /* cppcheck-suppress autoVariables; taken back below */
        if (rc == 0 && !stdout_key)
                rc = issue_one(cfg, dev, d);
        else if (rc == 0 && (rc = issue_group(cfg, dev, 1, d)) == 0)
                rc = issue_settle(cfg, d);
        cfg->ca = NULL;
        ca_close(&ca);
        return rc;
}

static int deliver(const struct issue_device *dev)
{
        if (!stdout_key) {
                print_device(dev);
                return STATUS_DONE;
        }
        fwrite(dev->key.data, 1, dev->key.len, stdout);
        fwrite(dev->cert.data, 1, dev->cert.len, stdout);
        if (fflush(stdout) == 0 && !ferror(stdout))
                return STATUS_DONE;
        tool_error("%s: the key was lost with standard output; run again with --reissue", dev->cn);
        return STATUS_STATION;
}

int cmd_device(int argc, char **argv)
{
        struct prov_config prov_cfg;
        struct profile profile = { 0 };
        struct issue_device dev = { 0 };
        struct issue_config cfg = { .profile = &profile,
                                    .folder = out_dir,
                                    .reissue = reissue,
                                    .chain = chain,
                                    .now = time(NULL) };
        struct diag d = { 0 };
        int status;
        int rc;

        (void)argc;
        (void)argv;
        if (!cn || !*cn)
                return usage_error("--cn is %s: whose certificate?", cn ? "empty" : "missing");
        if (stdout_key && isatty(STDOUT_FILENO))
                return usage_error(
                        "--stdout-key: a private key is not written to a terminal; use a pipe");
        if (stdout_key && prov_options.on)
                return usage_error("--stdout-key and --prov: provisioning data needs files");
        cfg.folder = out_dir;
        cfg.san = shape.san.items;
        cfg.san_count = shape.san.count;
        cfg.keep_bytes = cfg.no_files = stdout_key;
        dev.cn = cn;
        if ((rc = cn_check(cn, &d)) == 0 && (rc = shape_profile("device", &profile, &d)) == 0 &&
            (rc = prov_from_options(&prov_cfg, &cfg.prov, &d)) == 0)
                rc = issue(&cfg, &dev, &d);
        status = rc < 0 ? fail_diag(&d) : deliver(&dev);
        issue_device_clear(&dev);
        profile_free(&profile);
        return status;
}
