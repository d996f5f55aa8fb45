#include "wire/romldr_server.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"

enum { LOADER, CONSOLE, SILENT };

#define CHIP_SIZE_DEFAULT (4u << 20) /* what the ROMs assume until SPI_SET_PARAMS */
#define CHIP_SIZE_MAX     (128u << 20)
#define FATAL             (-E_STATE) /* of a handler: no answer, the chip hangs */

const struct romldr_rom romldr_rom_esp32c3 = {
        .begin_len = 20,
        .early_data_error = ROMLDR_ERR_NO_BEGIN,
        .security_info = true,
        .fault_text = "Guru Meditation Error: Core 0 panic'ed (Load access fault)\r\n"
                      "Core 0 register dump:\r\n",
};

const struct romldr_rom romldr_rom_esp32 = {
        .begin_len = 16,
        .early_data_error = ROMLDR_ERR_INVALID,
        .console = true,
        .rate_0_hangs = true,
        .fault_text = "",
};

void romldr_server_init(struct romldr_server *s, const struct romldr_server_config *cfg)
{
        memset(s, 0, sizeof *s);
        s->cfg = *cfg;
        s->chip_size = CHIP_SIZE_DEFAULT;
        slip_decoder_init(&s->slip, s->packet, sizeof s->packet);
}

static void send_frame(struct romldr_server *s, size_t data_len)
{
        uint8_t head[ROMLDR_HEADER];
        uint8_t out[SLIP_MAX(ROMLDR_HEADER + sizeof s->reply)];
        struct slip_encoder e;
        long n;

        head[0] = ROMLDR_REPLY;
        head[ROMLDR_AT_OP] = s->op;
        le16_put(head + ROMLDR_AT_SIZE, (uint16_t)data_len);
        le32_put(head + ROMLDR_AT_VALUE, s->value);
        slip_begin(&e, out, sizeof out);
        slip_put(&e, head, sizeof head);
        slip_put(&e, s->reply, data_len);
        n = slip_end(&e);
        for (unsigned i = 0; n > 0 && i < (s->op == ROMLDR_SYNC ? ROMLDR_SYNC_REPLIES : 1); i++)
                s->cfg.send(s->cfg.ctx, out, (size_t)n);
}

/*
 * data_len bytes stand in s->reply; error 0: done. After a success the second status byte holds
 * the last failure's reason where the ROM does not clear it (flash writing, security info), and
 * bytes three and four what an earlier reply left there.
 */
static void answer(struct romldr_server *s, size_t data_len, uint8_t error, bool keeps_reason)
{
        if (error || !keeps_reason)
                s->error = error;
        s->reply[data_len] = error != 0;
        s->reply[data_len + 1] = s->error;
        send_frame(s, data_len + ROMLDR_STATUS);
        s->cfg.event(s->cfg.ctx, ROMLDR_EV_COMMAND, (uint32_t)s->op << 8 | error);
}

static void stop(struct romldr_server *s, enum romldr_event event, uint32_t arg)
{
        s->mode = SILENT;
        if (event == ROMLDR_EV_FAULT)
                s->cfg.send(s->cfg.ctx, (const uint8_t *)s->cfg.rom->fault_text,
                            strlen(s->cfg.rom->fault_text));
        s->cfg.event(s->cfg.ctx, event, arg);
}

static uint32_t word(const struct romldr_server *s, size_t i)
{
        return le32_get(s->packet + ROMLDR_HEADER + 4 * i);
}

/* A chip smaller than SPI_SET_PARAMS said does not see the upper address bits. */
static uint32_t wrap(const struct romldr_server *s, uint32_t addr)
{
        return addr % s->cfg.flash->size;
}

static int flash_put(struct romldr_server *s, const uint8_t *p, size_t n)
{
        const uint32_t at = s->flash_job.addr;

        if (at > s->chip_size || n > s->chip_size - at)
                return -E_RANGE;
        s->flash_job.addr += (uint32_t)n;
        while (n) {
                const uint32_t from = wrap(s, s->flash_job.addr - (uint32_t)n);
                const size_t piece = n < s->cfg.flash->size - from ? n : s->cfg.flash->size - from;
                const int rc = flash_write(s->flash_job.encrypted ? s->cfg.encrypted : s->cfg.flash,
                                           from, p, piece);

                if (rc < 0)
                        return rc;
                p += piece;
                n -= piece;
        }
        return 0;
}

/* Erase the sectors that at (a sector's beginning) to at + size lie in. */
static int flash_clear(struct romldr_server *s, uint32_t at, uint32_t size)
{
        uint32_t left = align_up(size, FLASH_SECTOR);
        int rc = 0;

        if (left > s->cfg.flash->size)
                left = s->cfg.flash->size;
        while (left && rc == 0) {
                const uint32_t from = wrap(s, at);
                const uint32_t room = s->cfg.flash->size - from;
                const uint32_t piece = left < room ? left : room;

                rc = flash_erase(s->cfg.flash, from, piece);
                at += piece;
                left -= piece;
        }
        return rc;
}

/* Handlers: an error for the reply, 0, or FATAL. */

static int flash_begin(struct romldr_server *s, size_t n)
{
        const uint32_t size = word(s, 0);
        const uint32_t block_size = word(s, 2);
        const uint32_t at = word(s, 3);

        if (n != s->cfg.rom->begin_len || block_size > ROMLDR_FLASH_BLOCK_MAX)
                return ROMLDR_ERR_INVALID;
        s->flash_job.begun = true;
        s->flash_job.stream_over = false;
        s->flash_job.left = word(s, 1);
        s->flash_job.block_size = block_size;
        s->flash_job.addr = at;
        s->flash_job.seq = 0;
        s->held_len = 0;
        s->flash_job.encrypted = n == 20 && word(s, 4);
        /* no key, or not allowed: better refused than written in the clear */
        if (s->flash_job.encrypted && !s->cfg.encrypted)
                return ROMLDR_ERR_FAILED;
        if (at % FLASH_SECTOR || at > s->chip_size || size > s->chip_size - at)
                return ROMLDR_ERR_FAILED;
        return flash_clear(s, at, size) < 0 ? ROMLDR_ERR_FAILED : 0;
}

/* What FLASH_DATA, MEM_DATA and DEFL_DATA check alike. A bad checksum uses its number up. */
static int block_check(struct romldr_server *s, size_t n, uint32_t *seq, uint32_t block_size)
{
        uint8_t sum = ROMLDR_CHECKSUM_SEED;

        if (n < ROMLDR_BLOCK_HEADER || n - ROMLDR_BLOCK_HEADER > block_size || word(s, 1) != *seq)
                return ROMLDR_ERR_INVALID;
        for (size_t i = ROMLDR_BLOCK_HEADER; i < n; i++)
                sum ^= s->packet[ROMLDR_HEADER + i];
        ++*seq;
        return sum == s->packet[ROMLDR_AT_VALUE] ? 0 : ROMLDR_ERR_CHECKSUM;
}

static int flash_data(struct romldr_server *s, size_t n)
{
        int rc;

        if (!s->flash_job.begun)
                return s->cfg.rom->early_data_error;
        if (n % 4)
                return ROMLDR_ERR_INVALID;
        if ((rc = block_check(s, n, &s->flash_job.seq, s->flash_job.block_size)) != 0)
                return rc;
        s->flash_job.left--;
        rc = flash_put(s, s->packet + ROMLDR_HEADER + ROMLDR_BLOCK_HEADER, n - ROMLDR_BLOCK_HEADER);
        return rc < 0 ? ROMLDR_ERR_FAILED : 0;
}

static int held_flush(struct romldr_server *s)
{
        const size_t n = s->held_len;

        s->held_len = 0;
        return flash_put(s, s->held, n);
}

static int held_put(void *arg, const uint8_t *p, size_t n)
{
        struct romldr_server *s = arg;

        while (n) {
                const size_t room = sizeof s->held - s->held_len;
                const size_t piece = n < room ? n : room;

                memcpy(s->held + s->held_len, p, piece);
                s->held_len += piece;
                p += piece;
                n -= piece;
                if (s->held_len == sizeof s->held && held_flush(s) < 0)
                        return -E_IO;
        }
        return 0;
}

/* What was inflated reaches the flash when the last announced block has come, or a piece is full.
 */
static int defl_data(struct romldr_server *s, size_t n)
{
        int rc;

        if (!s->flash_job.begun)
                return s->cfg.rom->early_data_error;
        if (s->flash_job.stream_over)
                return FATAL;
        if ((rc = block_check(s, n, &s->flash_job.seq, s->flash_job.block_size)) != 0)
                return rc;
        s->flash_job.left--;
        rc = s->cfg.ops->inflate(s->cfg.chip, s->packet + ROMLDR_HEADER + ROMLDR_BLOCK_HEADER,
                                 n - ROMLDR_BLOCK_HEADER, held_put, s);
        if (rc < 0)
                return ROMLDR_ERR_INFLATE;
        s->flash_job.stream_over = rc == 1;
        if (s->flash_job.left == 0 && held_flush(s) < 0)
                return ROMLDR_ERR_FAILED;
        return 0;
}

static int mem_begin(struct romldr_server *s)
{
        if (word(s, 2) > ROMLDR_MEM_BLOCK)
                return ROMLDR_ERR_INVALID;
        s->mem_job.block_size = word(s, 2);
        s->mem_job.addr = word(s, 3);
        s->mem_job.seq = 0;
        return 0;
}

static int mem_data(struct romldr_server *s, size_t n)
{
        int rc = block_check(s, n, &s->mem_job.seq, s->mem_job.block_size);

        if (rc)
                return rc;
        n -= ROMLDR_BLOCK_HEADER;
        rc = s->cfg.ops->write_ram(s->cfg.chip, s->mem_job.addr,
                                   s->packet + ROMLDR_HEADER + ROMLDR_BLOCK_HEADER, n);
        s->mem_job.addr += (uint32_t)n;
        return rc < 0 ? FATAL : 0;
}

/* address, value, mask, delay (not waited for); may repeat. */
static int write_reg(struct romldr_server *s, size_t n)
{
        for (size_t i = 0; i < n / 16; i++) {
                const uint32_t mask = word(s, 4 * i + 2);
                uint32_t v = 0;

                if (mask != UINT32_MAX &&
                    s->cfg.ops->read_word(s->cfg.chip, word(s, 4 * i), &v) < 0)
                        return FATAL;
                v = (v & ~mask) | (word(s, 4 * i + 1) & mask);
                if (s->cfg.ops->write_word(s->cfg.chip, word(s, 4 * i), v) < 0)
                        return FATAL;
        }
        return 0;
}

static int md5_of(struct romldr_server *s, uint32_t at, uint32_t size,
                  uint8_t digest[CRYPT_MD5_LEN])
{
        struct crypt_md5 md5;
        uint8_t piece[256];
        int rc;

        if (at > s->chip_size || size > s->chip_size - at)
                return -E_RANGE;
        rc = crypt_md5_init(&md5);
        while (rc == 0 && size) {
                const uint32_t from = wrap(s, at);
                uint32_t n = size < sizeof piece ? size : (uint32_t)sizeof piece;

                if (n > s->cfg.flash->size - from)
                        n = s->cfg.flash->size - from;
                if ((rc = flash_read(s->cfg.flash, from, piece, n)) == 0)
                        rc = crypt_md5_update(&md5, piece, n);
                at += n;
                size -= n;
        }
        if (rc == 0)
                rc = crypt_md5_finish(&md5, digest);
        crypt_md5_free(&md5);
        return rc;
}

static void flash_md5(struct romldr_server *s)
{
        uint8_t digest[CRYPT_MD5_LEN];
        char text[2 * CRYPT_MD5_LEN + 1];

        if (md5_of(s, word(s, 0), word(s, 1), digest) < 0) {
                answer(s, 0, ROMLDR_ERR_FAILED, false);
                return;
        }
        hex_encode(digest, sizeof digest, text);
        memcpy(s->reply, text, 2 * CRYPT_MD5_LEN);
        answer(s, 2 * CRYPT_MD5_LEN, 0, false);
}

/* Past the end nothing is read: the reply holds what an earlier one left. */
static void read_slow(struct romldr_server *s)
{
        const uint32_t at = word(s, 0);
        bool bad = at > s->chip_size || ROMLDR_READ_SLOW > s->chip_size - at;

        for (uint32_t i = 0; i < ROMLDR_READ_SLOW && !bad; i++)
                bad = flash_read(s->cfg.flash, wrap(s, at + i), s->reply + i, 1) < 0;
        answer(s, ROMLDR_READ_SLOW, bad ? ROMLDR_ERR_FAILED : 0, false);
}

/* FLASH_END and DEFL_END: word 0 is 0 to reboot, 1 to stay. */
static void flash_over(struct romldr_server *s)
{
        const bool complete = s->flash_job.begun && s->flash_job.left == 0;
        const bool reboot = word(s, 0) == 0;
        static const uint8_t farewell[] = { SLIP_END, SLIP_END };

        answer(s, 0, complete ? 0 : ROMLDR_ERR_FAILED, true);
        if (reboot) {
                s->cfg.send(s->cfg.ctx, farewell, sizeof farewell);
                stop(s, ROMLDR_EV_REBOOT, 0);
        } else if (s->op == ROMLDR_FLASH_END) {
                stop(s, ROMLDR_EV_LEFT, 0);
                s->mode = s->cfg.rom->console ? CONSOLE : SILENT;
        }
}

static int change_baud(struct romldr_server *s)
{
        static const uint8_t empty[] = { SLIP_END, SLIP_END };
        const uint32_t rate = word(s, 0);

        if (rate == 0 && s->cfg.rom->rate_0_hangs)
                return FATAL;
        answer(s, 0, 0, false);
        if (rate) {
                s->cfg.send(s->cfg.ctx, empty, sizeof empty);
                s->cfg.event(s->cfg.ctx, ROMLDR_EV_BAUD, rate);
        }
        return 0;
}

/* The commands whose reply is more than a status. Returns 0 or FATAL, 1 if op is none of them. */
static int command_special(struct romldr_server *s, uint8_t op)
{
        switch (op) {
        case ROMLDR_SYNC:
                s->value = word(s, 0);
                answer(s, 0, 0, false);
                return 0;
        case ROMLDR_READ_REG:
                if (s->cfg.ops->read_word(s->cfg.chip, word(s, 0), &s->value) < 0)
                        return FATAL;
                answer(s, 0, 0, false);
                return 0;
        case ROMLDR_CHANGE_BAUD:
                return change_baud(s);
        case ROMLDR_SPI_FLASH_MD5:
                flash_md5(s);
                return 0;
        case ROMLDR_READ_FLASH_SLOW:
                read_slow(s);
                return 0;
        case ROMLDR_SECURITY_INFO:
                s->cfg.ops->security(s->cfg.chip, s->reply);
                answer(s, ROMLDR_SEC_LEN, 0, true);
                return 0;
        case ROMLDR_FLASH_END:
        case ROMLDR_DEFL_END:
                flash_over(s);
                return 0;
        case ROMLDR_MEM_END:
                answer(s, 0, 0, false);
                if (word(s, 0) == 0)
                        stop(s, ROMLDR_EV_RUN, word(s, 1));
                return 0;
        default:
                return 1;
        }
}

static int command(struct romldr_server *s, uint8_t op, size_t n)
{
        bool keeps_reason = false;
        int rc = command_special(s, op);

        if (rc != 1)
                return rc;
        switch (op) {
        case ROMLDR_FLASH_BEGIN:
        case ROMLDR_DEFL_BEGIN:
                keeps_reason = true;
                rc = flash_begin(s, n);
                if (rc == 0 && op == ROMLDR_DEFL_BEGIN &&
                    s->cfg.ops->inflate_begin(s->cfg.chip) < 0)
                        rc = ROMLDR_ERR_FAILED;
                break;
        case ROMLDR_FLASH_DATA:
                keeps_reason = true;
                rc = flash_data(s, n);
                break;
        case ROMLDR_DEFL_DATA:
                keeps_reason = true;
                rc = defl_data(s, n);
                break;
        case ROMLDR_MEM_BEGIN:
                rc = mem_begin(s);
                break;
        case ROMLDR_MEM_DATA:
                rc = mem_data(s, n);
                break;
        case ROMLDR_WRITE_REG:
                rc = write_reg(s, n);
                break;
        case ROMLDR_SPI_SET_PARAMS:
                rc = n < 24 || word(s, 1) > CHIP_SIZE_MAX ? ROMLDR_ERR_INVALID : 0;
                if (rc == 0)
                        s->chip_size = word(s, 1);
                break;
        default: /* SPI_ATTACH: the pins are what they are */
                rc = 0;
                break;
        }
        if (rc == FATAL)
                return rc;
        answer(s, 0, (uint8_t)rc, keeps_reason);
        return 0;
}

/* The commands that this ROM carries out; secure download mode leaves what writing needs. */
static bool is_known(const struct romldr_server *s, uint8_t op)
{
        switch (op) {
        case ROMLDR_SYNC:
        case ROMLDR_SPI_SET_PARAMS:
        case ROMLDR_SPI_ATTACH:
        case ROMLDR_CHANGE_BAUD:
        case ROMLDR_FLASH_BEGIN:
        case ROMLDR_FLASH_DATA:
        case ROMLDR_FLASH_END:
        case ROMLDR_DEFL_BEGIN:
        case ROMLDR_DEFL_DATA:
        case ROMLDR_DEFL_END:
                return true;
        case ROMLDR_SECURITY_INFO:
                return s->cfg.rom->security_info;
        case ROMLDR_MEM_BEGIN:
        case ROMLDR_MEM_DATA:
        case ROMLDR_MEM_END:
        case ROMLDR_READ_REG:
        case ROMLDR_WRITE_REG:
        case ROMLDR_READ_FLASH_SLOW:
        case ROMLDR_SPI_FLASH_MD5:
                return !s->cfg.ops->secure_download(s->cfg.chip);
        default:
                return false;
        }
}

/* Is this command to be refused on request? Counts. */
static bool is_refused(struct romldr_server *s, uint8_t op)
{
        struct romldr_refusal *r = &s->refusal;

        if (!r->count || (r->op && r->op != op))
                return false;
        if (r->after) {
                r->after--;
                return false;
        }
        r->count--;
        return true;
}

static void packet(struct romldr_server *s, size_t len)
{
        const uint8_t op = s->packet[ROMLDR_AT_OP];

        /* not a request, or unknown: the last command's op stands in the reply */
        if (s->packet[0] != ROMLDR_REQUEST || !is_known(s, op)) {
                answer(s, 0, ROMLDR_ERR_INVALID, false);
                return;
        }
        s->op = op;
        if (is_refused(s, op))
                answer(s, 0, s->refusal.error, false);
        else if (command(s, op, len > ROMLDR_HEADER ? len - ROMLDR_HEADER : 0) == FATAL)
                stop(s, ROMLDR_EV_FAULT, word(s, 0));
}

static size_t console_echo(struct romldr_server *s, uint8_t c, uint8_t out[16])
{
        static const char answer_text[] = "\r\nHow?\r\n>";

        if (c == 0)
                return 0;
        if (c == '\n' || c == '\r') {
                const size_t skip = s->console_column ? 0 : strlen("\r\nHow?");

                s->console_column = 0;
                memcpy(out, answer_text + skip, strlen(answer_text) - skip);
                return strlen(answer_text) - skip;
        }
        if (c == '\b') {
                if (!s->console_column)
                        return 0;
                s->console_column--;
                memcpy(out, "\b \b", 3);
                return 3;
        }
        if (s->console_column < UINT8_MAX)
                s->console_column++;
        out[0] = c;
        return 1;
}

/* The ESP32's ROM console understands nothing that is said here: it echoes and asks "How?". */
static void console_input(struct romldr_server *s, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint8_t out[16];
                const size_t len = console_echo(s, p[i], out);

                if (len)
                        s->cfg.send(s->cfg.ctx, out, len);
        }
}

void romldr_server_input(struct romldr_server *s, const uint8_t *p, size_t n)
{
        while (n && s->mode == LOADER) {
                size_t used = 0;
                const int rc = slip_feed(&s->slip, p, n, &used);

                p += used;
                n -= used;
                if (rc == SLIP_FRAME)
                        packet(s, s->slip.len);
                else if (rc == -E_NOSPACE) /* the ROM's buffer overflows */
                        stop(s, ROMLDR_EV_FAULT, 0);
                else if (rc < 0)
                        answer(s, 0, ROMLDR_ERR_INVALID, false);
        }
        if (s->mode == CONSOLE)
                console_input(s, p, n);
}
