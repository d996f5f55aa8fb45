/* One board, from plug to PASS or FAIL. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/flash_plan.h"
#include "line/line_impl.h"
#include "host/pool.h"
#include "host/sha256.h"

#define RETRY_MS 500 /* what the station lacks */
#define ATTEMPTS 4u  /* both reset sequences, each also with a long wait for slow boards */

/* ---- what is told ---- */

int line_unit_fail(struct line_unit *u, const char *failure, int code, const char *fmt, ...)
{
        char text[DIAG_TEXT_MAX];
        va_list ap;

        if (u->failure)
                return -1;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        u->failure = code == E_CANCELLED || interrupted() ? "abandoned" : failure;
        u->why = (struct diag){ 0 };
        diag_set(&u->why, code, "%s", text);
        return -1;
}

int line_unit_fail_or(struct line_unit *u, const char *what, const struct diag *d)
{
        const bool wire = d->code == E_TIMEOUT || d->code == E_LINK || d->code == E_PROTO;

        return line_unit_fail(u, wire ? "link" : what, d->code, "%s", diag_text(d));
}

static void phase_over(struct line_unit *u)
{
        const uint64_t now = talk_clock();

        if (u->phase > LINE_EMPTY && u->phase < LINE_RECORD)
                u->spent[u->phase] += now - u->phase_began;
        u->phase_began = now;
}

void line_unit_phase(struct line_unit *u, enum line_phase p)
{
        struct line_slot_view *s;

        phase_over(u);
        u->phase = p;
        s = line_view_take(u->st->cfg->view, u->slot);
        s->phase = p;
        s->permille = 0;
        snprintf(s->mac, sizeof s->mac, "%s", u->mac);
        if (u->row) {
                snprintf(s->serial, sizeof s->serial, "%s", u->row->serial);
                snprintf(s->version, sizeof s->version, "%s", u->row->firmware);
                s->attempt = (unsigned)u->row->attempt;
        }
        line_view_done(u->st->cfg->view, u->slot, LINE_NEWS_PHASE);
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
        struct line_unit *u = ctx;
        struct line_slot_view *s;
        unsigned permille;

        (void)what;
        (void)total;
        /* each piece counts from nothing again */
        if (u->phase != LINE_WRITE || !u->total)
                return;
        u->done += done >= u->piece ? done - u->piece : done;
        u->piece = done;
        permille = u->done >= u->total ? 1000 : (unsigned)(u->done * 1000 / u->total);
        s = line_view_take(u->st->cfg->view, u->slot);
        if (permille / 10 != s->permille / 10) {
                s->permille = permille;
                line_view_done(u->st->cfg->view, u->slot, LINE_NEWS_SLOT);
        } else {
                pthread_mutex_unlock(&u->st->cfg->view->lock);
        }
}

/* ---- what the station lacks is no fault of the unit: it waits ---- */

static bool is_station_trouble(int rc)
{
        return rc < 0 && err_status(rc) == STATUS_STATION && rc != -E_CANCELLED;
}

/* The first slot that waits tells its reason for all, until there is none to be read. */
static void tell_trouble(struct line_unit *u, atomic_uint *down, const char *what,
                         const struct diag *d)
{
        const struct timespec t = { 0, RETRY_MS * 1000000L };
        struct line_view *v = u->st->cfg->view;
        const bool first = atomic_fetch_add(down, 1) == 0;
        char text[DIAG_TEXT_MAX + 48];
        bool told;

        line_view_take(v, u->slot);
        told = v->notice[0];
        pthread_mutex_unlock(&v->lock);
        snprintf(text, sizeof text, "%s: %.200s", what, diag_text(d));
        if (first || !told)
                line_view_notice(v, text);
        nanosleep(&t, NULL);
}

static void trouble_is_over(struct line_unit *u, atomic_uint *down)
{
        if (atomic_exchange(down, 0))
                line_view_notice(u->st->cfg->view, NULL);
}

/* To be tried again after a while? give_up: the first request to stop ends it too. */
static bool wait_for_ledger(struct line_unit *u, int rc, const struct diag *d, bool give_up)
{
        if (!is_station_trouble(rc) || interrupted() || (give_up && line_ends(u->st)))
                return false;
        tell_trouble(u, &u->st->ledger_down, "no identities are handed out: ledger", d);
        return true;
}

static void ledger_is_back(struct line_unit *u)
{
        trouble_is_over(u, &u->st->ledger_down);
}

bool line_unit_wait_files(struct line_unit *u, int rc, const struct diag *d)
{
        if (rc == 0)
                trouble_is_over(u, &u->st->files_down);
        if (!is_station_trouble(rc) || line_ends(u->st))
                return false;
        tell_trouble(u, &u->st->files_down, "no unit can be made, the boards wait", d);
        return true;
}

/* A unit whose serial number is its MAC brings its identity with it. */
static int import_mac(struct line_unit *u, struct diag *d)
{
        struct ledger_identity id = { .mac = u->mac };
        struct ledger_import_counts counts;
        char serial[13];
        size_t n = 0;

        for (const char *p = u->mac; *p && n < 12; p++)
                if (*p != ':')
                        serial[n++] = *p;
        serial[n] = 0;
        id.serial = serial;
        return ledger_import(u->st->cfg->ledger, u->st->cfg->batch, &id, 1, &counts, NULL, d);
}

int line_unit_find(struct line_unit *u, struct ledger_unit *row)
{
        struct diag d;
        int rc;

        do {
                d = (struct diag){ 0 };
                rc = ledger_find(u->st->cfg->ledger, u->mac, row, &d);
        } while (wait_for_ledger(u, rc, &d, true));
        if (rc == 0 || rc == -E_NOTFOUND)
                return rc == 0;
        return line_unit_fail(u, "ledger", -rc, "%s", diag_text(&d));
}

/* What is not known of a closed chip stays as it was. */
static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

/*
 * Has the identity come to the board that it was claimed for? Boards are exchanged while one is
 * worked on, and behind a lost link anybody may answer.
 */
static int check_same(struct line_unit *u)
{
        char other[LEDGER_MAC_LEN];

        if (!strcmp(u->mac, u->row->mac))
                return 0;
        u->exchanged = true;
        memcpy(other, u->mac, sizeof other);
        memcpy(u->mac, u->row->mac, sizeof u->mac);
        return line_unit_fail(u, "link", E_LINK,
                              "it was taken out before it was ready, and %s is in its place; plug "
                              "it in again",
                              other);
}

/* The slot that works on a board of the same MAC; NULL: none. */
static const char *other_slot(struct line_unit *u)
{
        struct line_view *v = u->st->cfg->view;
        const char *name = NULL;

        line_view_take(v, u->slot);
        for (size_t i = 0; i < v->slot_count && !name; i++)
                if (i != u->slot && !line_phase_is_result(v->slots[i].phase) &&
                    !strcmp(v->slots[i].mac, u->mac))
                        name = v->slots[i].name;
        pthread_mutex_unlock(&v->lock);
        return name;
}

/* One board at two ports, or two boards with one MAC: only one of them can be the unit. */
static int take_alone(struct line_unit *u)
{
        const char *other;

        pthread_mutex_lock(&u->st->desk);
        if (!(other = other_slot(u)))
                line_unit_phase(u, LINE_CLAIM);
        pthread_mutex_unlock(&u->st->desk);
        if (!other)
                return 0;
        return line_unit_fail(u, "ledger", E_EXISTS,
                              "slot %s works on MAC %s: the same board at another port, or two "
                              "boards with one MAC; when that one is done, plug this one in again",
                              other, u->mac);
}

int line_unit_claim(struct line_unit *u)
{
        const struct line_config *cfg = u->st->cfg;
        struct diag d;
        int rc;

        if (u->claimed)
                return check_same(u);
        if (take_alone(u) < 0)
                return -1;
        u->claim.batch = cfg->batch;
        u->claim.mac = u->mac;
        u->claim.slot = cfg->view->slots[u->slot].name;
        u->claim.chip = or_null(u->chip);
        u->claim.revision = or_null(u->revision);
        u->claim.flash_id = or_null(u->flash_id);
        u->claim.rework = cfg->rework;
        do {
                d = (struct diag){ 0 };
                rc = cfg->job->serials == LINE_SERIAL_MAC ? import_mac(u, &d) : 0;
                if (rc >= 0)
                        rc = ledger_claim(cfg->ledger, &u->claim, &d);
        } while (wait_for_ledger(u, rc, &d, true));
        if (rc == 0) {
                ledger_is_back(u);
                u->claimed = true;
                u->row = &u->claim.unit;
                return 0;
        }
        if (rc == -E_STATE && u->claim.passed) {
                u->passed_before = true;
                u->row = &u->claim.unit;
                return -1;
        }
        return line_unit_fail(u, "ledger", -rc, "%s", diag_text(&d));
}

int line_unit_reclaim(struct line_unit *u, const struct ledger_unit *was)
{
        const int rc = line_unit_claim(u);

        if (rc == 0 && !*u->row->images)
                memcpy(u->row->images, was->images, sizeof was->images);
        return rc;
}

/* A flash that cannot be written again has what an attempt before this one wrote. */
static int claim(struct line_unit *u)
{
        struct ledger_unit *was;
        int rc;

        if (!u->flash_done)
                return line_unit_claim(u);
        if (!(was = calloc(1, sizeof *was)))
                return line_unit_fail(u, "ledger", E_NOMEM, "out of memory");
        rc = line_unit_find(u, was);
        rc = rc < 0 ? rc : line_unit_reclaim(u, was);
        free(was);
        return rc;
}

int line_unit_step(struct line_unit *u, enum ledger_state state)
{
        /* a second try does again what the first has come to */
        const enum ledger_state before = u->row->state;
        const enum ledger_state to = before > state && before <= LEDGER_VERIFIED ? before : state;
        struct diag d;
        int rc;

        do {
                d = (struct diag){ 0 };
                rc = ledger_step(u->st->cfg->ledger, u->row, to, &d);
        } while (wait_for_ledger(u, rc, &d, false));
        if (rc < 0)
                return line_unit_fail(u, "ledger", -rc, "%s", diag_text(&d));
        ledger_is_back(u);
        return 0;
}

int line_unit_remark(struct line_unit *u, const char *kind, const char *note, struct diag *d)
{
        struct ledger_unit row;
        struct diag why;
        int rc;

        do {
                why = (struct diag){ 0 };
                row = *u->row; /* which may have more than the ledger */
                rc = ledger_remark(u->st->cfg->ledger, &row, kind, note, &why);
        } while (wait_for_ledger(u, rc, &why, false));
        if (rc < 0)
                return diag_set(d, -rc, "%s", diag_text(&why));
        ledger_is_back(u);
        return 0;
}

/* ---- may this board be on this line? ---- */

static int check_revision(struct line_unit *u, unsigned have)
{
        const struct line_kit *k = u->st->cfg->kit;
        char to[16] = "any";

        if (k->rev_max)
                snprintf(to, sizeof to, "v%u.%u", k->rev_max / 100, k->rev_max % 100);
        if (have < k->rev_min || (k->rev_max && have > k->rev_max))
                return line_unit_fail(u, "wrong-chip", E_VERIFY,
                                      "chip revision v%u.%u; the job takes v%u.%u to %s",
                                      have / 100, have % 100, k->rev_min / 100, k->rev_min % 100,
                                      to);
        return 0;
}

static int check_flash(struct line_unit *u, const struct loader_flash_id *id)
{
        const struct line_job *j = u->st->cfg->job;
        bool ok = j->flash_count == 0;

        for (size_t i = 0; i < j->flash_count; i++) {
                const struct line_flash *f = &j->flashes[i];

                ok = ok || ((id->id & f->mask) == f->id && (!f->size || f->size == id->size));
        }
        if (!ok)
                return line_unit_fail(u, "flash-id", E_VERIFY,
                                      "flash chip %s (%s) is not on the job's list", u->flash_id,
                                      flash_size_text(id->size) ? flash_size_text(id->size)
                                                                : "size unknown");
        if (id->size && id->size < u->st->cfg->kit->end)
                return line_unit_fail(u, "flash-id", E_VERIFY,
                                      "flash chip %s has 0x%x bytes, the partitions need 0x%x",
                                      u->flash_id, id->size, u->st->cfg->kit->end);
        return 0;
}

static int check_flash_chip(struct line_unit *u, struct loader *l)
{
        struct loader_flash_id id = { 0 };
        struct diag d = { 0 };

        if (loader_flash_attach(l, 0, &d) < 0 || loader_flash_id(l, &id, &d) < 0)
                return line_unit_fail_or(u, "flash-id", &d);
        snprintf(u->flash_id, sizeof u->flash_id, "%02x%02x%02x", id.id & 0xff, id.id >> 8 & 0xff,
                 id.id >> 16 & 0xff);
        return check_flash(u, &id);
}

static int check_board(struct line_unit *u, struct loader *l)
{
        const bool secures = u->st->cfg->kit->secure != NULL;
        struct loader_info info;
        struct loader_security sec;
        struct diag d = { 0 };

        if (loader_secure_download(l))
                return line_unit_fail(u, "security", E_REFUSED,
                                      "secure download mode is on: this board was made before");
        if (loader_info(l, &info, &d) < 0 || loader_security(l, &sec, &d) < 0)
                return line_unit_fail_or(u, "wrong-chip", &d);
        snprintf(u->mac, sizeof u->mac, "%02x:%02x:%02x:%02x:%02x:%02x", info.mac[0], info.mac[1],
                 info.mac[2], info.mac[3], info.mac[4], info.mac[5]);
        snprintf(u->chip, sizeof u->chip, "%s", loader_chip(l)->name);
        snprintf(u->revision, sizeof u->revision, "v%u.%u", info.revision / 100,
                 info.revision % 100);
        if (!secures && (sec.secure_boot || sec.encrypted))
                return line_unit_fail(u, "security", E_REFUSED,
                                      "%s is on: plain images would not run on this board",
                                      sec.encrypted ? "flash encryption" : "secure boot");
        if (check_revision(u, info.revision) < 0 || (secures && line_secure_judge(u, l) < 0))
                return -1;
        return u->flash_shut ? 0 : check_flash_chip(u, l);
}

/* ---- write ---- */

static int record_images(struct line_unit *u)
{
        const struct line_kit *k = u->st->cfg->kit;
        struct sha256 *h;
        uint8_t digest[SHA256_LEN];
        int rc = 0;

        for (size_t i = 0; i < k->part_count && rc == 0; i++)
                if (!k->parts[i].blank)
                        rc = ledger_image_add(u->row, k->parts[i].name, k->parts[i].sha256);
        if (rc == 0 && u->made.image.len) {
                h = sha256_new();
                rc = h ? sha256_of(h, u->made.image.data, u->made.image.len, digest) : -E_NOMEM;
                sha256_free(h);
                if (rc == 0)
                        for (size_t i = 0; i < sizeof digest; i++)
                                snprintf(u->row->factory + 2 * i, 3, "%02x", digest[i]);
        }
        return rc < 0 ? line_unit_fail(u, "ledger", -rc, "the list of images is too long") : 0;
}

/* Credentials and image of this unit. Touches nothing of u but made, made_rc, made_why, made_ms. */
static void *make_main(void *arg)
{
        struct line_unit *u = arg;
        const struct line_unit_id id = { u->row->serial, u->mac,
                                         u->row->number > 0 ? (uint64_t)u->row->number : 0 };
        const uint64_t began = talk_clock();

        line_made_free(&u->made);
        u->made_why = (struct diag){ 0 };
        u->made_rc = line_maker_make(u->st->cfg->kit->maker, &id, &u->made, &u->made_why);
        u->made_ms = talk_clock() - began;
        return NULL;
}

/* What was made goes to the ledger; patient: what the disk did not take is made when it does. */
static int take_made(struct line_unit *u, bool patient)
{
        const struct line_job *j = u->st->cfg->job;
        const struct diag *d = &u->made_why;

        while (patient && line_unit_wait_files(u, u->made_rc, d))
                make_main(u);
        if (u->made_rc < 0)
                return line_unit_fail(u, "factory", d->code ? d->code : -u->made_rc, "%s",
                                      diag_text(d));
        if (line_secure_seal(u) < 0)
                return -1;
        snprintf(u->row->cert_serial, sizeof u->row->cert_serial, "%s", u->made.cert_serial);
        snprintf(u->row->service, sizeof u->row->service, "%s", u->made.service);
        /* a folder with so long a name is not told: the label is printed from here */
        if (j->factory.out.text &&
            snprintf(u->row->files, sizeof u->row->files, "%s/%s", j->factory.out.text,
                     u->made.stem) >= (int)sizeof u->row->files)
                u->row->files[0] = 0;
        return 0;
}

/* Its credentials are on disk, its image is there, and the ledger knows. */
static int made(struct line_unit *u)
{
        if (!u->flash_done && record_images(u) < 0)
                return -1;
        return line_unit_step(u, LEDGER_MADE);
}

/*
 * Where images of all units are written first, the unit's own is made beside that: the wire takes
 * seconds, and all slots at once want the processor. Not where keys have to be read off the chip.
 */
static int make(struct line_unit *u, struct loader *l)
{
        const struct line_kit *k = u->st->cfg->kit;

        line_unit_phase(u, LINE_MAKE);
        u->row->efuse[0] = 0; /* of an attempt before this one */
        if (k->secure && line_secure_keys(u, l) < 0)
                return -1;
        if (!k->maker || u->made.image.len)
                return made(u);
        if (!k->secure && !u->flash_done) {
                u->making = pthread_create(&u->maker, NULL, make_main, u) == 0;
                return u->making ? 0
                                 : line_unit_fail(u, "factory", E_NOMEM, "no thread to make it");
        }
        make_main(u);
        return take_made(u, true) < 0 ? -1 : made(u);
}

/* The end of making, if it still runs. */
static int await_made(struct line_unit *u, bool patient)
{
        if (!u->making)
                return 0;
        pthread_join(u->maker, NULL);
        u->making = false;
        u->spent[LINE_MAKE] += u->made_ms;
        return take_made(u, patient) < 0 ? -1 : made(u);
}

static int write_factory(struct line_unit *u, struct loader *l, struct diag *d)
{
        const struct line_kit *k = u->st->cfg->kit;
        const struct flash_options opt = { 0 };
        const struct flash_image image = { .name = k->job->factory.partition.text,
                                           .offset = k->factory_offset,
                                           .data = u->made.image.data,
                                           .len = u->made.image.len };
        struct flash_stats st;
        struct flash_plan *plan;
        int rc = flash_plan_new(&image, 1, &opt, &plan, d);

        if (rc < 0)
                return rc;
        rc = flash_plan_run(plan, l, &st, d);
        flash_plan_free(plan);
        return rc;
}

/* Images of all units as they were compressed once, then the unit's own. */
static int write_plain(struct line_unit *u, struct loader *l, struct flash_stats *st,
                       struct diag *d)
{
        const int rc = flash_plan_run(u->st->cfg->kit->plan, l, st, d);
        const int other = await_made(u, rc == 0); /* whatever became of the wire */

        if (rc < 0 || other < 0)
                return rc < 0 ? rc : other;
        return u->made.image.len ? write_factory(u, l, d) : 0;
}

static int write_all(struct line_unit *u, struct loader *l)
{
        const struct line_kit *k = u->st->cfg->kit;
        struct flash_stats st = { 0 };
        struct diag d = { 0 };
        int rc;

        line_unit_phase(u, LINE_WRITE);
        u->done = u->piece = 0;
        u->total = k->maker ? k->factory_size : 0;
        for (size_t i = 0; i < k->part_count; i++)
                if (!k->parts[i].blank)
                        u->total += k->parts[i].data.len;
        if ((rc = loader_fast(l, &d)) == 0)
                rc = k->secure ? line_secure_write(u, l, &st, &d) : write_plain(u, l, &st, &d);
        if (await_made(u, false) < 0) /* the wire was lost before */
                rc = -1;
        if (rc < 0)
                return line_unit_fail_or(u, "verify", &d);
        if (st.images_unverified)
                return line_unit_fail(u, "verify", E_VERIFY,
                                      "this chip cannot tell what its flash holds");
        return line_unit_step(u, LEDGER_FLASHED);
}

/* ---- the way ---- */

static int open_loader(struct line_unit *u, struct loader **l)
{
        const struct loader_config cfg = { .port = u->st->cfg->view->slots[u->slot].port,
                                           .link = u->link,
                                           .chip = u->st->cfg->job->chip,
                                           .baud = u->baud,
                                           .attempts = ATTEMPTS,
                                           .progress = on_progress,
                                           .ctx = u };
        struct diag d = { 0 };

        if (u->link)
                link_baud(u->link, ROMLDR_BAUD); /* where the loader looks first */
        u->link = NULL;
        if (loader_open(&cfg, l, &d) == 0)
                return 0;
        if (d.code == E_VERIFY || d.code == E_UNSUPPORTED)
                return line_unit_fail(u, "wrong-chip", d.code, "%s", diag_text(&d));
        return line_unit_fail(u,
                              d.code == E_TIMEOUT   ? "no-sync"
                              : d.code == E_REFUSED ? "security"
                                                    : "link",
                              d.code, "%s", diag_text(&d));
}

/* Everything that is written and, where the job says so, burnt into an open board. */
static int work_open(struct line_unit *u, struct loader *l)
{
        int rc = check_board(u, l);

        if (rc == 0)
                rc = claim(u);
        if (rc == 0)
                rc = make(u, l);
        if (rc == 0 && !u->flash_done)
                rc = write_all(u, l);
        if (rc == 0 && u->st->cfg->kit->secure)
                rc = line_secure_burn(u, l);
        return rc;
}

/* It has started with all that is burnt: now the door is shut, and it starts once more. */
static int work_closing(struct line_unit *u)
{
        const bool closes = secure_plan_closes(u->st->cfg->kit->secure);
        struct loader *l = NULL;
        struct diag d = { 0 };
        int rc;

        line_unit_phase(u, LINE_SECURE);
        rc = open_loader(u, &l);
        if (rc == 0 && line_loader_mac(l, u->mac, &d) < 0)
                rc = line_unit_fail_or(u, "security", &d);
        if (rc == 0)
                rc = check_same(u);
        if (rc == 0)
                rc = line_secure_close(u, l);
        if (rc == 0)
                rc = line_unit_boot(u, l, LINE_BOOT_LOCK);
        else if (l)
                loader_leave(l, u->st->cfg->job->selftest.baud, &u->link, NULL);
        if (rc == 0 && !closes)
                rc = line_unit_step(u, LEDGER_VERIFIED);
        if (rc == 0)
                line_secure_forget(u);
        return rc;
}

/* A chip that answers no more, though it did, or only as secure download mode does. */
static bool looks_closed(const struct line_unit *u)
{
        const struct secure_profile *p = u->st->cfg->kit->secure;

        return p && secure_plan_closes(p) &&
               (u->why.code == E_REFUSED ||
                (u->why.code == E_TIMEOUT && p->download == SECURE_DOWNLOAD_OFF));
}

/* One try. The loader is left as the program's link, or closed with the chip running again. */
static int once(struct line_unit *u)
{
        const struct secure_profile *p = u->st->cfg->kit->secure;
        const bool waits = p && secure_plan_waits(p);
        struct loader *l = NULL;
        int rc;

        line_unit_phase(u, LINE_CONNECT);
        rc = open_loader(u, &l);
        if (rc < 0 && looks_closed(u))
                return line_unit_closed(u, NULL);
        if (rc == 0 && p && secure_plan_closes(p) && loader_secure_download(l))
                return line_unit_closed(u, l);
        if (rc == 0)
                rc = work_open(u, l);
        if (rc == 0) {
                rc = line_unit_boot(u, l, waits ? LINE_BOOT_KEYS : LINE_BOOT_KEYS | LINE_BOOT_LOCK);
                if (rc == 0)
                        rc = waits ? work_closing(u) : line_unit_step(u, LEDGER_VERIFIED);
                return rc;
        }
        if (l)
                loader_leave(l, u->st->cfg->job->selftest.baud, &u->link, NULL);
        return rc;
}

/* The next lower of the usual rates. */
static unsigned lower_rate(unsigned baud)
{
        static const unsigned rates[] = { 921600, 460800, 230400, 115200 };

        for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
                if (rates[i] < baud)
                        return rates[i];
        return baud;
}

static bool failed_as(const struct line_unit *u, const char *failure)
{
        return u->failure && !strcmp(u->failure, failure);
}

/* Once more, slower, if the wire was to blame. Where nobody answers any more, the first explains.
 */
static int work(struct line_unit *u)
{
        int rc = once(u);
        const struct diag first = u->why;
        const char *failure = u->failure;

        if (rc == 0 || !failed_as(u, "link") || u->exchanged || interrupted())
                return rc;
        u->failure = NULL;
        u->why = (struct diag){ 0 };
        u->baud = lower_rate(u->baud);
        rc = once(u);
        if (rc < 0 && u->phase == LINE_CONNECT && !u->exchanged &&
            (failed_as(u, "link") || failed_as(u, "no-sync"))) {
                u->failure = failure;
                u->why = first;
        }
        return rc;
}

void line_unit_warn(struct line_unit *u, const char *text)
{
        struct line_slot_view *s = line_view_take(u->st->cfg->view, u->slot);

        snprintf(s->warning, sizeof s->warning, "%s", text);
        line_view_done(u->st->cfg->view, u->slot, LINE_NEWS_SLOT);
        if (u->row)
                line_unit_remark(u, "note", text, NULL);
}

static void record(struct line_unit *u, int rc)
{
        struct diag d;
        int back;

        if (!u->claimed || u->passed_before)
                return;
        line_unit_phase(u, LINE_RECORD);
        for (int p = LINE_CONNECT; p < LINE_RECORD; p++)
                if (u->spent[p])
                        ledger_phase_add(u->row, line_phase_word((enum line_phase)p),
                                         (int64_t)u->spent[p]);
        u->row->cycle_ms = (int64_t)(talk_clock() - u->began);
        do {
                d = (struct diag){ 0 };
                back = ledger_finish(u->st->cfg->ledger, u->row, rc == 0 ? NULL : u->failure,
                                     rc == 0 ? NULL : diag_text(&u->why), &d);
        } while (wait_for_ledger(u, back, &d, false));
        if (back == 0)
                ledger_is_back(u);
        else if (rc == 0)
                line_unit_fail(u, "ledger", -back, "%s", diag_text(&d));
}

static void show_result(struct line_unit *u)
{
        struct line_view *v = u->st->cfg->view;
        struct line_slot_view *s = line_view_take(v, u->slot);

        s->phase = u->passed_before ? LINE_BEFORE : u->failure ? LINE_FAIL : LINE_PASS;
        s->cycle_ms = talk_clock() - u->began;
        snprintf(s->mac, sizeof s->mac, "%s", u->mac);
        snprintf(s->failure, sizeof s->failure, "%s", u->failure ? u->failure : "");
        snprintf(s->text, sizeof s->text, "%s", u->failure ? diag_text(&u->why) : "");
        if (u->row) {
                snprintf(s->serial, sizeof s->serial, "%s", u->row->serial);
                snprintf(s->version, sizeof s->version, "%s", u->row->firmware);
                snprintf(s->phases, sizeof s->phases, "%.255s", u->row->phases);
                s->attempt = (unsigned)u->row->attempt;
        }
        line_view_count(v, s);
        line_view_done(v, u->slot, LINE_NEWS_RESULT);
}

static void show_start(struct line_unit *u)
{
        struct line_slot_view *s = line_view_take(u->st->cfg->view, u->slot);

        s->since = u->began;
        s->cycle_ms = 0;
        s->permille = s->attempt = 0;
        s->mac[0] = s->serial[0] = s->version[0] = s->failure[0] = s->text[0] = s->warning[0] = 0;
        s->phases[0] = 0;
        pthread_mutex_unlock(&u->st->cfg->view->lock);
}

int line_unit_run(struct line_station *st, size_t slot, struct link *link, struct link **left)
{
        struct line_unit *u = calloc(1, sizeof *u);
        bool exchanged;
        int rc;

        *left = NULL;
        if (!u) {
                link_close(link);
                return -E_NOMEM;
        }
        u->st = st;
        u->slot = slot;
        u->link = link;
        u->baud = st->cfg->job->baud;
        u->began = u->phase_began = talk_clock();
        show_start(u);
        if ((rc = work(u)) == 0)
                rc = line_unit_label_scan(u);
        record(u, rc);
        if (rc == 0 && !u->failure)
                line_unit_label(u);
        show_result(u);
        *left = u->link;
        exchanged = u->exchanged;
        line_made_free(&u->made);
        wipe(u, sizeof *u);
        free(u);
        return exchanged;
}
