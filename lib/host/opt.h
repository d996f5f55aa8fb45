/* Command lines from tables: one table drives parsing, help, completion and the check of the man
 * page. */
#ifndef HOST_OPT_H
#define HOST_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"

enum opt_kind {
        OPT_FLAG, /* dest: bool *, set to true */
        OPT_STR,  /* dest: const char ** (an array of nargs of them); borrowed from argv */
        OPT_LIST, /* dest: struct opt_list *; may be given several times */
        OPT_INT,  /* dest: int64_t *; decimal, 0x, 0o, 0b */
        OPT_SIZE, /* dest: uint64_t *; as OPT_INT, not negative, with K, M or G behind it (1024) */
        OPT_KEPT, /* dest: char *, its word; that and its value (if arg is not NULL) stay in their
                     place among the positionals, for commands whose words have options of their own
                   */
};

struct opt_list {
        const char **items; /* borrowed from argv; the array itself lives until the process ends */
        size_t count;
};

/*
 * One option. name may hold other spellings behind '|' ("baud|baud-rate"); only the first is
 * shown. Dashes and underscores are the same in what the user types, and an unambiguous beginning
 * of a name will do. A row whose name is NULL ends the table.
 */
struct opt {
        char letter; /* 0: no short form */
        const char *name;
        enum opt_kind kind;
        void *dest;
        const char *arg;   /* shown in the help: "PATH"; with nargs 2: "START LEN" */
        const char *help;  /* NULL: accepted but not shown */
        int nargs;         /* OPT_STR only: values that the option takes; 0 means 1 */
        const char *words; /* "a|b": what completion offers; NULL: what arg says, words or FILE,
                              DIR, PORT */
};

/* One command: what stands behind the tool's name. A row whose run is NULL ends the table. */
struct command {
        const char *name;     /* other spellings behind '|'; dashes and underscores are the same */
        const char *synopsis; /* positionals: "INPUT... OUTPUT SIZE" */
        const char *summary;  /* one line */
        const struct opt *options;
        int min_args, max_args;            /* positionals; max -1: any number */
        int (*run)(int argc, char **argv); /* positionals only; returns an exit status */
        const char *more;                  /* paragraphs and examples for --help, or NULL */
        const char *words; /* completion of the first positional; NULL: the synopsis's "a | b" */
};

/*
 * A tool. If the first word is no command's name, fallback (NULL: none) takes the whole line:
 * `nvsgen in.csv out.bin`. options are accepted before and behind the command's name.
 */
struct tool {
        const char *name;
        const char *summary;
        const struct opt *options;
        const struct command *commands; /* NULL for a tool without commands */
        const struct command *fallback;
        const char *more;
};

/*
 * The whole main(): parses, answers --help, --version and --completion, runs the command and
 * proves at the end that standard output was really written (STATUS_STATION if not).
 * "--" ends the options; "@file" arguments are not expanded. Returns the exit status.
 */
int tool_main(const struct tool *tool, int argc, char **argv);

/* The name of the running tool, for messages; "fctry" before tool_main. */
const char *tool_name(void);

/* "NAME: text" and a pointer to --help on stderr. Returns STATUS_USAGE. */
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "NAME: out of memory" on stderr. Returns STATUS_STATION. */
int memory_error(void);

#if defined __clang_analyzer__ && !defined OPT_OWN
/* As in base/diag.h. */
#define usage_error(...) (usage_error(__VA_ARGS__), STATUS_USAGE)
#define memory_error()   (memory_error(), STATUS_STATION)
#endif

/* Numbers as the options take them; whole text must be used. Return 0, -E_SYNTAX or -E_RANGE. */
int parse_int(const char *text, int64_t *out);
int parse_size(const char *text, uint64_t *out);

/* True if the user's word is one of the spellings in names ("a|b"); '-' and '_' are the same. */
bool opt_word_is(const char *word, const char *names);

#endif
