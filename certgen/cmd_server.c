/* certgen server: key and certificate of a broker or an update server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "certgen.h"
#include "host/report.h"

static struct opt_list dns, ip;
static const char *cn;
static const char *stem;
static const char *out_dir = ".";
static bool reissue;

const struct opt server_options[] = {
        { 0, "dns", OPT_LIST, &dns, "NAME", "a name that clients use; several are fine", 0 },
        { 0, "ip", OPT_LIST, &ip, "ADDRESS", "an address that clients use; several are fine", 0 },
        { 0, "cn", OPT_STR, &cn, "NAME", "common name (the first --dns or --ip)", 0 },
        { 0, "name", OPT_STR, &stem, "STEM", "file names STEM.crt and STEM.key (the common name)",
          0 },
        { 'o', "out", OPT_STR, &out_dir, "DIR", "folder for them (.)", 0 },
        SHAPE_OPTIONS,
        { 0, "reissue", OPT_FLAG, &reissue, NULL, "revoke what the server has and make it anew",
          0 },
        { 0 },
};

/* One more name: prefix and text. */
static int add_name(struct opt_list *san, const char *prefix, const char *text)
{
        const char **grown = realloc(san->items, (san->count + 1) * sizeof *grown);
        char *name;

        if (!grown)
                return -E_NOMEM;
        san->items = grown;
        if (asprintf(&name, "%s%s", prefix, text) < 0)
                return -E_NOMEM;
        san->items[san->count++] = name;
        return 0;
}

int server_names(const struct opt_list *names, const struct opt_list *addresses,
                 const struct opt_list *others, struct opt_list *san)
{
        const struct opt_list *lists[] = { names, addresses, others };
        static const char *const prefixes[] = { "dns:", "ip:", "" };

        for (size_t k = 0; k < 3; k++)
                for (size_t i = 0; i < lists[k]->count; i++)
                        if (add_name(san, prefixes[k], lists[k]->items[i]) < 0)
                                return -E_NOMEM;
        return 0;
}

void server_names_free(struct opt_list *san)
{
        for (size_t i = 0; i < san->count; i++)
                free((char *)(uintptr_t)san->items[i]);
        free(san->items);
        *san = (struct opt_list){ 0 };
}

void note_open_folder(const char *dir)
{
        struct stat st;

        if (!common.quiet && stat(dir, &st) == 0 && st.st_mode & 077)
                tool_error("note: %s may be read by others; chmod 700 %s", dir, dir);
}

int issue_one(struct issue_config *cfg, struct issue_device *dev, struct diag *d)
{
        int rc = file_mkdirs(cfg->folder, 0700, d);

        if (rc == 0)
                note_open_folder(cfg->folder);

        if (rc == 0)
                rc = file_sweep(cfg->folder, d);
        if (rc == 0 && (rc = issue_group(cfg, dev, 1, d)) == 0)
                rc = issue_settle(cfg, d);
        return rc;
}

int cmd_server(int argc, char **argv)
{
        struct profile profile = { 0 };
        struct opt_list san = { 0 };
        struct issue_config cfg = { .profile = &profile,
                                    .folder = out_dir,
                                    .reissue = reissue,
                                    .chain = true,
                                    .now = time(NULL) };
        struct issue_device dev = { .cn = cn, .stem = stem };
        struct ca_source from;
        struct ca ca = { 0 };
        struct diag d = { 0 };
        int rc;

        (void)argc;
        (void)argv;
        if (!dns.count && !ip.count)
                return usage_error("--dns NAME or --ip ADDRESS is missing: clients check by which "
                                   "name they came");
        if (stem && (strchr(stem, '/') || !*stem))
                return usage_error("--name: a file name without folder; --out gives the folder");
        if (!dev.cn)
                dev.cn = dns.count ? dns.items[0] : ip.items[0];
        if (!*dev.cn)
                return usage_error("--cn, --dns and --ip may not be empty");
        rc = server_names(&dns, &ip, &shape.san, &san);
        cfg.san = san.items;
        cfg.san_count = san.count;
        cfg.ca = &ca;
        from = common_ca();
        if (rc < 0)
                diag_set(&d, E_NOMEM, "no memory");
        else if ((rc = cn_check(dev.cn, &d)) == 0 &&
                 (rc = shape_profile("server", &profile, &d)) == 0 &&
                 (rc = ca_open(&from, cfg.now, &ca, &d)) == 0)
                rc = issue_one(&cfg, &dev, &d);
        if (rc == 0)
                print_device(&dev);
        issue_device_clear(&dev);
        server_names_free(&san);
        ca_close(&ca);
        profile_free(&profile);
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}
