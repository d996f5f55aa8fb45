#include "base/bytes.h"
#include "base/err.h"
#include "host/ptable_rows.h"

/* Rows from an offset that is known up to the next one, or the flash's end: they share its space.
 */
struct run {
        size_t from, to;
        uint64_t start, limit;
};

static bool is_flexible(const struct ptable_row *row)
{
        return row->kind == PTABLE_SIZE_PERCENT || row->kind == PTABLE_SIZE_MAX;
}

static int row_error(struct ptable_rows *rows, const struct ptable_row *row,
                     enum ptable_field field, const char *text)
{
        return report_error(rows->r, E_NOSPACE, rows->name, row->line, row->columns[field],
                            "'%s': %s", row->entry.name, text);
}

static uint64_t align64(uint64_t v, uint32_t to)
{
        return (v + to - 1) / to * to;
}

/* The end of the run when every flexible row is empty. */
static uint64_t run_end(const struct ptable_rows *rows, const struct run *run)
{
        uint64_t end = run->start;

        for (size_t i = run->from; i < run->to; i++) {
                const struct ptable_row *row = &rows->rows[i];

                if (ptable_row_is_primary(row))
                        continue;
                end = row->has_offset ? row->offset : align64(end, ptable_align(row->entry.type));
                if (row->kind == PTABLE_SIZE_FIXED)
                        end += row->size;
                else if (row->kind == PTABLE_SIZE_UP_TO)
                        end = row->size;
        }
        return end;
}

/*
 * What a flexible size is rounded down to. In whole 64 KiB while an app with a blank offset
 * follows, so that filling the row moves that app by whole pages and opens no gap.
 */
static uint32_t unit_of(const struct ptable_rows *rows, const struct run *run, size_t at)
{
        for (size_t i = at + 1; i < run->to; i++)
                if (rows->rows[i].entry.type == PTABLE_APP)
                        return PTABLE_ALIGN_APP;
        return rows->rows[at].entry.type == PTABLE_APP && rows->cfg->secure_v1 ? PTABLE_ALIGN_APP
                                                                               : PTABLE_ALIGN_DATA;
}

static void settle(struct ptable_row *row, uint64_t size)
{
        row->kind = PTABLE_SIZE_FIXED;
        row->size = size;
}

/* Percents first, then equal shares of the rest for every max. */
static int share(struct ptable_rows *rows, const struct run *run, uint64_t pool)
{
        uint64_t rest = pool;
        uint64_t percent = 0;
        uint32_t unit = PTABLE_ALIGN_DATA;
        unsigned takers = 0;

        for (size_t i = run->from; i < run->to; i++) {
                struct ptable_row *row = &rows->rows[i];
                const uint32_t own = unit_of(rows, run, i);

                if (row->kind == PTABLE_SIZE_MAX) {
                        takers++;
                        unit = own > unit ? own : unit;
                } else if (row->kind == PTABLE_SIZE_PERCENT) {
                        percent += row->size;
                        if (percent > 100)
                                return row_error(rows, row, PTABLE_F_SIZE,
                                                 "the percents of these rows are more than 100 "
                                                 "together; take less");
                        settle(row, pool * row->size / 100 / own * own);
                        rest -= row->size;
                        if (!row->size)
                                return row_error(
                                        rows, row, PTABLE_F_SIZE,
                                        "no room is left for it; shrink the partitions beside it");
                }
        }
        for (size_t i = run->from; i < run->to; i++) {
                struct ptable_row *row = &rows->rows[i];

                if (row->kind != PTABLE_SIZE_MAX)
                        continue;
                settle(row, rest / takers / unit * unit);
                if (!row->size)
                        return row_error(rows, row, PTABLE_F_SIZE,
                                         "no room is left for it; shrink the partitions beside it");
        }
        return 0;
}

static int resolve_run(struct ptable_rows *rows, const struct run *run)
{
        const struct ptable_row *flexible = NULL;
        uint64_t end;

        for (size_t i = run->from; i < run->to; i++) {
                if (!flexible && is_flexible(&rows->rows[i]))
                        flexible = &rows->rows[i];
                else if (flexible && rows->rows[i].kind == PTABLE_SIZE_UP_TO)
                        return row_error(rows, flexible, PTABLE_F_SIZE,
                                         "no share can be worked out before a row whose size is an "
                                         "end address; give that "
                                         "row an offset");
        }
        if (!flexible)
                return 0;
        if (!run->limit)
                return row_error(rows, flexible, PTABLE_F_SIZE,
                                 "max and % need to know the flash; add --flash-size 4MB");
        end = run_end(rows, run);
        if (end >= run->limit)
                return row_error(rows, flexible, PTABLE_F_SIZE,
                                 "no room is left: the other partitions fill the flash already");
        return share(rows, run, run->limit - end);
}

static int resolve_sizes(struct ptable_rows *rows)
{
        struct run run = { .start = ptable_table_offset(rows->cfg) + PTABLE_SECTOR };
        int rc = 0;

        for (size_t i = 0; i <= rows->count; i++) {
                const struct ptable_row *row = i < rows->count ? &rows->rows[i] : NULL;
                int now;

                if (row && (ptable_row_is_primary(row) || !row->has_offset))
                        continue;
                run.to = i;
                run.limit = row ? row->offset : rows->cfg->flash_size;
                if ((now = resolve_run(rows, &run)) < 0 && rc == 0)
                        rc = now;
                run.from = i;
                run.start = row ? row->offset : 0;
        }
        return rc;
}

/* Why a row may not begin where it says, in the reference's order of rows. */
static int too_low(struct ptable_rows *rows, size_t at, uint64_t last_end)
{
        const struct ptable_row *row = &rows->rows[at];
        const uint32_t table = ptable_table_offset(rows->cfg);
        const unsigned long long offset = row->offset;

        if (row->offset < table + PTABLE_SECTOR)
                return report_error(
                        rows->r, E_RANGE, rows->name, row->line, row->columns[PTABLE_F_OFFSET],
                        "offset 0x%llx of '%s': the partition table at 0x%x takes its whole "
                        "sector; use 0x%x "
                        "or higher%s",
                        offset, row->entry.name, table, table + PTABLE_SECTOR,
                        rows->cfg->table_offset ? "" : ", or say with --offset where the table is");
        for (size_t i = 0; i < at; i++) {
                const struct ptable_entry *e = &rows->rows[i].entry;

                if (!ptable_row_is_primary(&rows->rows[i]) && row->offset < ptable_end(e) &&
                    row->offset >= e->offset)
                        return report_error(rows->r, E_RANGE, rows->name, row->line,
                                            row->columns[PTABLE_F_OFFSET],
                                            "offset 0x%llx of '%s': inside '%s' (line %u), which "
                                            "reaches from 0x%x to "
                                            "0x%llx; move it to 0x%llx or leave the offset blank",
                                            offset, row->entry.name, e->name, rows->rows[i].line,
                                            e->offset, (unsigned long long)ptable_end(e),
                                            (unsigned long long)align64(
                                                    last_end, ptable_align(row->entry.type)));
        }
        return report_error(
                rows->r, E_RANGE, rows->name, row->line, row->columns[PTABLE_F_OFFSET],
                "offset 0x%llx of '%s': lower than the end 0x%llx of the row before; rows must "
                "stand in "
                "rising order of offset (ESP-IDF's build refuses others), so move this row up",
                offset, row->entry.name, (unsigned long long)last_end);
}

static int place_row(struct ptable_rows *rows, size_t at, uint64_t *last_end)
{
        struct ptable_row *row = &rows->rows[at];
        uint64_t size = row->size;
        int rc = 0;

        if (row->has_offset && row->offset < *last_end && !ptable_row_is_primary(row))
                rc = too_low(rows, at, *last_end);
        if (!row->has_offset)
                row->offset = align64(*last_end, ptable_align(row->entry.type));
        if (row->kind == PTABLE_SIZE_UP_TO) {
                if (size < row->offset)
                        return report_error(rows->r, E_RANGE, rows->name, row->line,
                                            row->columns[PTABLE_F_SIZE],
                                            "size of '%s': a negative size is an end address, and "
                                            "0x%llx lies below "
                                            "the start 0x%llx",
                                            row->entry.name, (unsigned long long)size,
                                            (unsigned long long)row->offset);
                size -= row->offset;
        }
        if (row->offset > UINT32_MAX)
                return report_error(
                        rows->r, E_RANGE, rows->name, row->line, row->columns[PTABLE_F_OFFSET],
                        "offset 0x%llx of '%s': beyond the 4 GiB that a table can address",
                        (unsigned long long)row->offset, row->entry.name);
        row->entry.offset = (uint32_t)row->offset;
        row->entry.size = (uint32_t)size;
        row->placed = true;
        if (!ptable_row_is_primary(row))
                *last_end = row->offset + size;
        return rc;
}

int ptable_rows_place(struct ptable_rows *rows)
{
        uint64_t last_end = (uint64_t)ptable_table_offset(rows->cfg) + PTABLE_SECTOR;
        int rc = resolve_sizes(rows);

        for (size_t i = 0; i < rows->count; i++) {
                int now;

                if (is_flexible(&rows->rows[i]))
                        continue; /* an error told already */
                now = place_row(rows, i, &last_end);
                if (now < 0 && rc == 0)
                        rc = now;
        }
        return rc;
}
