#define OPT_OWN
#include "host/opt.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/opt_complete.h"
#include "host/progress.h"
#include "host/version.h"

static const char *running = "fctry";
static const struct tool *the_tool;
static const struct command *the_command;

const char *tool_name(void)
{
        return running;
}

int usage_error(const char *fmt, ...)
{
        va_list ap;

        fprintf(stderr, "%s: ", running);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        if (the_command && the_tool && the_command != the_tool->fallback)
                fprintf(stderr, " (see '%s %.*s --help')\n", running,
                        (int)strcspn(the_command->name, "|"), the_command->name);
        else
                fprintf(stderr, " (see '%s --help')\n", running);
        return STATUS_USAGE;
}

int memory_error(void)
{
        fprintf(stderr, "%s: out of memory\n", running);
        return STATUS_STATION;
}

/* Digits of any base with the prefixes 0x, 0o, 0b and underscores between digits, as Python's
 * int(x, 0). */
static int parse_magnitude(const char **text, uint64_t *out)
{
        const char *p = *text;
        unsigned base = 10;
        uint64_t v = 0;
        bool any = false;

        if (p[0] == '0' && strchr("xXoObB", p[1]) && p[1]) {
                base = tolower((unsigned char)p[1]) == 'x'   ? 16
                       : tolower((unsigned char)p[1]) == 'o' ? 8
                                                             : 2;
                p += 2;
        }
        for (;; p++) {
                unsigned digit;

                if (*p == '_' && any && isxdigit((unsigned char)p[1]))
                        continue;
                if (*p >= '0' && *p <= '9')
                        digit = (unsigned)(*p - '0');
                else if (base == 16 && isxdigit((unsigned char)*p))
                        digit = (unsigned)(tolower((unsigned char)*p) - 'a' + 10);
                else
                        break;
                if (digit >= base)
                        return -E_SYNTAX;
                if (v > (UINT64_MAX - digit) / base)
                        return -E_RANGE;
                v = v * base + digit;
                any = true;
        }
        *text = p;
        *out = v;
        return any ? 0 : -E_SYNTAX;
}

int parse_int(const char *text, int64_t *out)
{
        const bool negative = *text == '-';
        uint64_t v;
        int rc;

        if (*text == '-' || *text == '+')
                text++;
        if ((rc = parse_magnitude(&text, &v)) < 0)
                return rc;
        if (*text)
                return -E_SYNTAX;
        if (v > (uint64_t)INT64_MAX + negative)
                return -E_RANGE;
        *out = negative ? (int64_t)(0 - v) : (int64_t)v;
        return 0;
}

int parse_size(const char *text, uint64_t *out)
{
        uint64_t v;
        unsigned shift = 0;
        int rc;

        if ((rc = parse_magnitude(&text, &v)) < 0)
                return rc;
        switch (*text) {
        case 'k':
        case 'K':
                shift = 10;
                break;
        case 'm':
        case 'M':
                shift = 20;
                break;
        case 'g':
        case 'G':
                shift = 30;
                break;
        }
        if (shift)
                text++;
        if (shift && (!strcmp(text, "B") || !strcmp(text, "iB")))
                text += strlen(text);
        if (*text)
                return -E_SYNTAX;
        if (v > UINT64_MAX >> shift)
                return -E_RANGE;
        *out = v << shift;
        return 0;
}

static bool same_char(char a, char b)
{
        return a == b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

/* How well word (n characters) names one of the spellings: 2 exactly, 1 as its beginning, 0 not. */
static int word_match(const char *word, size_t n, const char *names)
{
        int best = 0;

        for (const char *p = names; *p;) {
                const size_t len = strcspn(p, "|");
                size_t i = 0;

                while (i < n && i < len && same_char(word[i], p[i]))
                        i++;
                if (i == n && n == len)
                        return 2;
                if (i == n && n)
                        best = 1;
                p += len + (p[len] == '|');
        }
        return best;
}

bool opt_word_is(const char *word, const char *names)
{
        return word_match(word, strlen(word), names) == 2;
}

struct parser {
        const struct opt *tables[3];
        int argc;
        char **argv;
        int at; /* next word */
        char **positionals;
        int count;
};

static bool builtin_flags_help;
static const char *builtin_completion;
static const struct opt builtins[] = {
        { 'h', "help", OPT_FLAG, &builtin_flags_help, NULL, "show this help", 0 },
        { 0, "completion", OPT_STR, &builtin_completion, "bash", NULL, 0 },
        { 0 },
};

static int store(const struct opt *o, const char *shown, char **values)
{
        int rc = 0;

        switch (o->kind) {
        case OPT_FLAG:
                *(bool *)o->dest = true;
                break;
        case OPT_STR:
                for (int i = 0; i < (o->nargs ? o->nargs : 1); i++)
                        ((const char **)o->dest)[i] = values[i];
                break;
        case OPT_LIST: {
                struct opt_list *l = o->dest;
                const char **grown = realloc(l->items, (l->count + 1) * sizeof *grown);

                if (!grown)
                        return memory_error();
                l->items = grown;
                l->items[l->count++] = values[0];
                break;
        }
        case OPT_INT:
                rc = parse_int(values[0], o->dest);
                break;
        case OPT_SIZE:
                rc = parse_size(values[0], o->dest);
                break;
        case OPT_KEPT:
                break; /* take_values */
        }
        if (rc < 0)
                return usage_error("%s: '%s' is %s", shown, values[0],
                                   rc == -E_RANGE        ? "too large"
                                   : o->kind == OPT_SIZE ? "not a size (like 0x6000, 24K or 24576)"
                                                         : "not a whole number");
        return 0;
}

/* NULL after one line about what is wrong. */
static const struct opt *find_long(const struct parser *ps, const char *word, size_t n)
{
        const struct opt *partial = NULL;
        const struct opt *other = NULL;

        for (size_t t = 0; t < 3; t++) {
                for (const struct opt *o = ps->tables[t]; o && o->name; o++) {
                        const int m = word_match(word, n, o->name);

                        if (m == 2)
                                return o;
                        if (m == 1 && partial && partial->dest != o->dest)
                                other = o;
                        else if (m == 1)
                                partial = o;
                }
        }
        if (other) {
                usage_error("--%.*s could be --%.*s or --%.*s; write it out", (int)n, word,
                            (int)strcspn(partial->name, "|"), partial->name,
                            (int)strcspn(other->name, "|"), other->name);
                return NULL;
        }
        if (!partial)
                usage_error("unknown option --%.*s", (int)n, word);
        return partial;
}

static int take_values(struct parser *ps, const struct opt *o, const char *shown, char *glued)
{
        const bool alone = o->kind == OPT_FLAG || (o->kind == OPT_KEPT && !o->arg);
        const int want = alone ? 0 : o->nargs ? o->nargs : 1;
        char *values[4] = { glued };
        int have = glued ? 1 : 0;

        if (want == 0 && glued)
                return usage_error("%s takes no value", shown);
        for (; have < want && have < 4; have++) {
                if (ps->at >= ps->argc)
                        return usage_error("%s needs %s", shown, o->arg ? o->arg : "a value");
                values[have] = ps->argv[ps->at++];
        }
        if (o->kind == OPT_KEPT) {
                ps->positionals[ps->count++] = o->dest;
                for (int i = 0; i < want; i++)
                        ps->positionals[ps->count++] = values[i];
        }
        return store(o, shown, values);
}

static int parse_long(struct parser *ps, char *word)
{
        const size_t n = strcspn(word, "=");
        const struct opt *o = find_long(ps, word, n);
        char shown[80];

        if (!o)
                return STATUS_USAGE;
        snprintf(shown, sizeof shown, "--%.*s", (int)strcspn(o->name, "|"), o->name);
        return take_values(ps, o, shown, word[n] ? word + n + 1 : NULL);
}

static int parse_short(struct parser *ps, char *word)
{
        for (; *word; word++) {
                const struct opt *found = NULL;
                char shown[3] = { '-', *word, 0 };
                char *glued = NULL;
                int rc;

                /* the command's own letters come before the tool's */
                for (size_t t = 3; t-- > 0 && !found;)
                        for (const struct opt *o = ps->tables[t]; o && o->name; o++)
                                if (o->letter == *word) {
                                        found = o;
                                        break;
                                }
                if (!found)
                        return usage_error("unknown option -%c", *word);
                if (found->kind != OPT_FLAG && !(found->kind == OPT_KEPT && !found->arg) && word[1])
                        glued = word + 1 + (word[1] == '=');
                if ((rc = take_values(ps, found, shown, glued)) != 0)
                        return rc;
                if (glued)
                        break;
        }
        return 0;
}

/* A word like -5 or -0x10 is a value, not an option. */
static bool is_negative_number(const char *word)
{
        int64_t v;

        return word[0] == '-' && isdigit((unsigned char)word[1]) && parse_int(word, &v) == 0;
}

static int parse_words(struct parser *ps, bool stop_at_first_positional)
{
        bool options_over = false;

        while (ps->at < ps->argc) {
                char *word = ps->argv[ps->at];
                int rc = 0;

                if (options_over || word[0] != '-' || !word[1] || is_negative_number(word)) {
                        if (stop_at_first_positional)
                                return 0;
                        ps->positionals[ps->count++] = word;
                        ps->at++;
                        continue;
                }
                ps->at++;
                if (!strcmp(word, "--"))
                        options_over = true;
                else
                        rc = word[1] == '-' ? parse_long(ps, word + 2) : parse_short(ps, word + 1);
                if (rc)
                        return rc;
        }
        return 0;
}

static void help_options(const struct opt *o, const char *title)
{
        bool any = false;

        for (; o && o->name; o++) {
                char left[64];

                if (!o->help)
                        continue;
                if (!any)
                        printf("\n%s:\n", title);
                any = true;
                snprintf(left, sizeof left, "%c%c%c --%.*s%s%s", o->letter ? '-' : ' ',
                         o->letter ? o->letter : ' ', o->letter ? ',' : ' ',
                         (int)strcspn(o->name, "|"), o->name,
                         o->arg && o->kind != OPT_FLAG ? " " : "",
                         o->arg && o->kind != OPT_FLAG ? o->arg : "");
                if (strlen(left) > 28)
                        printf("  %s\n  %-28s %s\n", left, "", o->help);
                else
                        printf("  %-28s %s\n", left, o->help);
        }
}

static int show_help(const struct tool *t, const struct command *c)
{
        if (c && c != t->fallback) {
                const bool takes = c->synopsis && *c->synopsis;

                printf("Usage: %s %.*s [options]%s%s\n\n%s\n", t->name, (int)strcspn(c->name, "|"),
                       c->name, takes ? " " : "", takes ? c->synopsis : "", c->summary);
        } else {
                printf("%s - %s\n\nUsage:\n", t->name, t->summary);
                if (t->fallback)
                        printf("  %s [options] %s\n", t->name, t->fallback->synopsis);
                if (t->commands)
                        printf("  %s COMMAND [options] ...\n\nCommands:\n", t->name);
                for (const struct command *k = t->commands; k && k->run; k++)
                        if (k->summary)
                                printf("  %-18.*s %s\n", (int)strcspn(k->name, "|"), k->name,
                                       k->summary);
        }
        if (c)
                help_options(c->options, "Options");
        help_options(t->options, c ? "Options of every command" : "Options");
        help_options(builtins, "Help");
        if (c && c->more)
                printf("\n%s\n", c->more);
        if ((!c || c == t->fallback) && t->more)
                printf("\n%s\n", t->more);
        if (!c && t->commands)
                printf("\n'%s COMMAND --help' says more about a command.\n", t->name);
        return STATUS_DONE;
}

static const struct command *find_command(const struct tool *t, const char *word)
{
        for (const struct command *c = t->commands; c && c->run; c++)
                if (opt_word_is(word, c->name))
                        return c;
        return NULL;
}

static int check_counts(const struct command *c, int count)
{
        if (count < c->min_args)
                return usage_error("something is missing: %s", c->synopsis ? c->synopsis : "");
        if (c->max_args >= 0 && count > c->max_args)
                return usage_error("too many arguments: %s%s",
                                   c->synopsis && *c->synopsis ? "expected " : "none expected",
                                   c->synopsis ? c->synopsis : "");
        return 0;
}

static int run(const struct tool *t, struct parser *ps)
{
        const struct command *c = t->fallback;
        int rc;

        /* options of the tool may stand before the command's name */
        ps->tables[0] = t->options;
        ps->tables[1] = builtins;
        ps->tables[2] = c ? c->options : NULL;
        the_command = c;
        if (ps->argc == 2 && (!strcmp(ps->argv[1], "--version") || !strcmp(ps->argv[1], "-V"))) {
                printf("%s %s\n", t->name, FCTRY_VERSION);
                return STATUS_DONE;
        }
        if ((rc = parse_words(ps, true)) != 0)
                return rc;
        if (builtin_completion && strcmp(builtin_completion, "bash") != 0)
                return usage_error(
                        "--completion: '%s' is no shell that there is a script for: bash",
                        builtin_completion);
        if (builtin_completion)
                return opt_complete_bash(t);
        if (ps->at < ps->argc && t->commands) {
                const struct command *named = find_command(t, ps->argv[ps->at]);
                const bool help = !named && !strcmp(ps->argv[ps->at], "help");

                if (help) {
                        named = ps->at + 1 < ps->argc ? find_command(t, ps->argv[ps->at + 1])
                                                      : NULL;
                        return show_help(t, named);
                }
                if (named) {
                        c = named;
                        ps->at++;
                } else if (!c && !builtin_flags_help) {
                        return usage_error("unknown command '%s'", ps->argv[ps->at]);
                }
        }
        the_command = c;
        ps->tables[2] = c ? c->options : NULL;
        if ((rc = parse_words(ps, false)) != 0)
                return rc;
        if (builtin_flags_help)
                return show_help(t, c);
        if (!c)
                return usage_error("which command?");
        if ((rc = check_counts(c, ps->count)) != 0)
                return rc;
        return c->run(ps->count, ps->positionals);
}

int tool_main(const struct tool *tool, int argc, char **argv)
{
        struct parser ps = { .argc = argc, .argv = argv, .at = 1 };
        size_t words =
                1; /* positionals at most: a word, or a kept option for each of its letters */
        int status;

        running = tool->name;
        the_tool = tool;
        signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error as any other, not a death */
        for (int i = 0; i < argc; i++)
                words += strlen(argv[i]) + 2;
        ps.positionals = calloc(words, sizeof *ps.positionals);
        if (!ps.positionals)
                return STATUS_STATION;
        status = run(tool, &ps);
        progress_clear();
        free(ps.positionals);
        if (fflush(stdout) != 0 || ferror(stdout) || fclose(stdout) != 0) {
                fprintf(stderr, "%s: standard output could not be written: %s\n", running,
                        strerror(errno));
                if (status == STATUS_DONE)
                        status = STATUS_STATION;
        }
        return status;
}
