/* secure-plan: a unit secured as a profile says. */
#include <stdio.h>

#include "base/err.h"
#include "base/hex.h"
#include "efuse.h"
#include "flasher.h"
#include "host/secure_plan.h"

static const char *virt;
static bool yes, dry_run;

const struct opt secure_plan_options[] = {
        { 0, "virt", OPT_STR, &virt, "FILE", "an eFuse file instead of a chip", 0 },
        { 'y', "yes", OPT_FLAG, &yes, NULL, "burn without asking", 0 },
        { 'n', "dry-run", OPT_FLAG, &dry_run, NULL, "check and show, burn nothing, make no key",
          0 },
        { 0 },
};

static const struct secure_profile *profile;
static int refused; /* exit status of a confirmation that was not given */

static int confirm(void *ctx)
{
        (void)ctx;
        refused = efuse_confirm(yes, "nothing was burnt");
        return refused ? -E_CANCELLED : 0;
}

static int step_done(void *ctx, const char *step)
{
        (void)ctx;
        say("done: %s", step);
        return 0;
}

static void report_json(const struct secure_result *res, const char *digest)
{
        struct json_writer w = { .out = stdout };
        char mac[18];

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", dry_run ? "secure-plan" : "secured");
        json_str(&w, "chip", profile->chip->name);
        json_str(&w, "mac", mac_text(res->mac, mac));
        json_str(&w, "mode", profile->release ? "release" : "development");
        json_uint(&w, "steps", res->steps);
        json_uint(&w, "burnt", res->burnt);
        json_bool(&w, "closed", res->closed);
        json_bool(&w, "verified", !res->closed || res->confirmed);
        json_str(&w, "digest", digest);
        json_close(&w, '}');
        putchar('\n');
}

static int work_on(struct efuse_dev *dev)
{
        const struct secure_options o = {
                .dry_run = dry_run,
                .line = efuse_show_change,
                .confirm = confirm,
                .done = step_done,
        };
        struct secure_result res;
        struct diag d = { 0 };
        char digest[65];
        int rc;

        say("%s:", efuse_dev_name(dev));
        rc = secure_plan_run(profile, dev, &o, &res, &d);
        if (rc < 0 && refused)
                return refused;
        if (rc < 0)
                return fail("secure-plan", &d);
        hex_encode(res.digest, sizeof res.digest, digest);
        if (g.json)
                report_json(&res, digest);
        else if (!dry_run)
                say("%s, digest of all eFuses: %s",
                    !res.burnt      ? "nothing to burn: this unit is secured already"
                    : !res.closed   ? "secured and verified"
                    : res.confirmed ? "secured, and the chip says that it is closed"
                                    : "secured, and the chip answers no more, as it should",
                    digest);
        return STATUS_DONE;
}

/* A unit that came off when the last burn was done: it can be asked, not read. */
static int is_closed(struct loader *l)
{
        struct diag d = { 0 };

        if (secure_plan_compare(profile, l, &d) < 0)
                return fail(g.port, &d);
        say("this chip is in secure download mode, and says of itself what the profile has");
        return STATUS_DONE;
}

static int on_chip(struct loader *l)
{
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int status;

        if (loader_secure_download(l))
                return is_closed(l);

        if (efuse_dev_open(l, &dev, &d) < 0)
                return fail(g.port, &d);
        status = work_on(dev);
        efuse_dev_close(dev);
        return status;
}

static int on_file(void)
{
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int status;

        if (efuse_dev_open_file(*virt ? virt : NULL, profile->chip, &dev, &d) < 0)
                return fail(NULL, &d);
        status = work_on(dev);
        efuse_dev_close(dev);
        return status;
}

int cmd_secure_plan(int argc, char **argv)
{
        struct secure_profile *p;
        struct report r = { 0 };
        int status;

        (void)argc;
        if (secure_profile_load(argv[0], &p, &r) < 0)
                return (int)err_status(report_finish(&r));
        profile = p;
        status = virt ? on_file() : session_run(on_chip);
        secure_profile_free(p);
        profile = NULL;
        return status;
}
