/* bash completion from the option tables. What a value is, the table says: its words, or those of
 * its argument ("csv|json"), or by its argument's name a file, a folder, a serial port. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "opt_complete.h"

/* Kinds of values, as the script below knows them; anything else is a list of words. */
#define KIND_FILE "F"
#define KIND_DIR  "D"
#define KIND_PORT "P"
#define KIND_NONE "N" /* a number, a name: nothing to offer */
#define KIND_TWO  "NN"

static const struct {
        const char *arg, *kind;
} kinds[] = {
        { "FILE", KIND_FILE }, { "PATH", KIND_FILE },     { "CONF", KIND_FILE },
        { "OLD", KIND_FILE },  { "TEMPLATE", KIND_FILE }, { "SOCKET", KIND_FILE },
        { "LINK", KIND_FILE }, { "STEM", KIND_FILE },     { "PROGRAM", KIND_FILE },
        { "URL", KIND_FILE },  { "DIR", KIND_DIR },       { "FOLDER", KIND_DIR },
        { "PORT", KIND_PORT }, { "DEVICE", KIND_FILE },
};

/* One alternative of "FILE|URI", "app|table": n characters. */
static const char *kind_of(const char *arg, size_t n)
{
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
                if (strlen(kinds[i].arg) == n && !memcmp(kinds[i].arg, arg, n))
                        return kinds[i].kind;
        return NULL;
}

static bool is_word(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-' &&
                    s[i] != '_')
                        return false;
        return n > 0;
}

/* The words among "status | switch SLOT | erase", joined by '|'. Prints nothing and returns false
 * if there are none. */
static bool print_words(const char *text)
{
        bool any = false;

        while (text && *text) {
                const char *end = text + strcspn(text, "|");
                size_t n;

                text += strspn(text, " ");
                n = strcspn(text, " |");
                if (is_word(text, n) && (any || strchr(text, '|') || end[0])) {
                        printf("%s%.*s", any ? "|" : "", (int)n, text);
                        any = true;
                }
                text = *end ? end + 1 : end;
        }
        return any;
}

static void print_kind(const struct opt *o)
{
        const char *arg = o->arg ? o->arg : "";

        if (o->nargs > 1) {
                printf(KIND_TWO);
                return;
        }
        if (o->words) {
                printf("%s", o->words);
                return;
        }
        if (strchr(arg, '=')) /* NAME=PORT */
                arg = strchr(arg, '=') + 1;
        if (strchr(arg, '|') && print_words(arg))
                return;
        for (const char *end; *arg; arg = *end ? end + 1 : end) {
                const char *kind;

                end = arg + strcspn(arg, "|");
                kind = kind_of(arg, (size_t)(end - arg));
                if (kind) {
                        printf("%s", kind);
                        return;
                }
        }
        printf(KIND_NONE);
}

/* " --port:P -p:P --baud:N": every spelling of an option that takes a value */
static void print_values(const struct opt *o)
{
        for (; o && o->name; o++) {
                const char *name = o->name;

                if (o->kind == OPT_FLAG || !o->arg)
                        continue;
                while (*name) {
                        const size_t n = strcspn(name, "|");

                        printf(" --");
                        for (size_t i = 0; i < n; i++)
                                putchar(name[i] == '_' ? '-' : name[i]);
                        putchar(':');
                        print_kind(o);
                        name += name[n] ? n + 1 : n;
                }
                if (o->letter) {
                        printf(" -%c:", o->letter);
                        print_kind(o);
                }
        }
}

static void print_options(const struct opt *o)
{
        for (; o && o->name; o++)
                if (o->help)
                        printf("|--%.*s", (int)strcspn(o->name, "|"), o->name);
}

static void print_commands(const struct tool *t)
{
        for (const struct command *c = t->commands; c && c->run; c++)
                if (c->summary)
                        printf("%s%.*s", c == t->commands ? "" : "|", (int)strcspn(c->name, "|"),
                               c->name);
}

/* _TOOL_command COMMAND sets opts, vals and words; for no command, which is asked first, those of
 * the tool itself. */
static void print_commands_of(const struct tool *t)
{
        printf("_%s_command()\n{\n\tcase ${1//_/-} in\n\t'')\n\t\topts='--help|--version", t->name);
        print_options(t->fallback ? t->fallback->options : NULL);
        print_options(t->options);
        printf("'\n\t\tvals='");
        print_values(t->fallback ? t->fallback->options : NULL);
        print_values(t->options);
        printf("'\n\t\tfiles=%s words='", t->fallback ? "1" : "");
        print_commands(t);
        printf("' ;;\n");
        for (const struct command *c = t->commands; c && c->run; c++) {
                printf("\t%s)\n\t\topts='--help", c->name);
                print_options(c->options);
                print_options(t->options);
                printf("'\n\t\tvals='");
                print_values(c->options);
                printf("'$vals\n\t\tfiles= words='");
                print_words(c->words ? c->words : c->synopsis);
                printf("' ;;\n");
        }
        printf("\t*) words= ;;\n\tesac\n}\n");
}

/*
 * What all tools have in common; '~' stands for the tool's name.
 * _TOOL_kind OPTION sets kind, to nothing for an option without a value.
 * _TOOL: bash has split the line at '=' and ':' too; the first loop puts it together again. The
 * second looks for the command and counts what stands behind it; an option's value is neither. Then
 * the last word is the value of the option before it or of the one it begins with, an option, or an
 * argument; readline puts what is found in the place of what is behind the last '=' or ':'.
 */
static const char script[] =
        "_~_kind()\n"
        "{\n"
        "\tlocal all=\" $vals \" name=\" ${1//_/-}:\"\n"
        "\tkind=\n"
        "\t[[ $all == *\"$name\"* ]] || return\n"
        "\tkind=${all#*\"$name\"} kind=${kind%% *}\n"
        "}\n"
        "_~()\n"
        "{\n"
        "\tlocal line=() opts= vals= words= files= cmd= kind= glue= args=0 cur word i last\n"
        "\t_~_command ''\n"
        "\tfor word in \"${COMP_WORDS[@]:0:COMP_CWORD+1}\"; do\n"
        "\t\tif [[ $word == [=:]* ]]; then line[-1]+=$word glue=1\n"
        "\t\telif [[ $glue ]]; then line[-1]+=$word glue=\n"
        "\t\telse line+=(\"$word\"); fi\n"
        "\tdone\n"
        "\tlast=$((${#line[@]} - 1)) cur=${line[-1]}\n"
        "\tfor ((i = 1; i < last; i++)); do\n"
        "\t\tword=${line[i]}\n"
        "\t\tif [[ $word == -* ]]; then\n"
        "\t\t\t_~_kind \"$word\" && ((i++)) && [[ $kind == NN ]] && ((i++))\n"
        "\t\telif [[ $cmd ]]; then ((args++))\n"
        "\t\telse cmd=$word; _~_command \"$cmd\"; fi\n"
        "\tdone\n"
        "\tkind=F\n"
        "\tif ((i > last)); then files=; _~_kind \"${line[last-1]}\"\n"
        "\telif [[ $cur == --*=* ]]; then files=; _~_kind \"${cur%%=*}\"\n"
        "\telif [[ $cur == -* ]]; then kind=$opts files=\n"
        "\telif ((args == 0)) && [[ $words ]]; then kind=$words; fi\n"
        "\tcur=${cur##*=}\n"
        "\tcase $kind in\n"
        "\tF) files=1 ;;\n"
        "\tD) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames 2>/dev/null "
        ";;\n"
        "\tP)\n"
        "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(compgen -G '/dev/ttyUSB*'; compgen -G "
        "'/dev/ttyACM*'\n"
        "\t\t\tcompgen -G '/dev/serial/by-id/*')\" -- \"$cur\")\n"
        "\t\t((${#COMPREPLY[@]})) && files= || files=1 ;;\n"
        "\tN*) COMPREPLY=() files= ;;\n"
        "\t*) mapfile -t COMPREPLY < <(compgen -W \"${kind//|/ }\" -- \"$cur\") ;;\n"
        "\tesac\n"
        "\tif [[ $files ]]; then\n"
        "\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
        "\t\tcompopt -o filenames 2>/dev/null\n"
        "\tfi\n"
        "\t[[ $cur != *:* ]] || COMPREPLY=(\"${COMPREPLY[@]#\"${cur%:*}:\"}\")\n"
        "}\n"
        "complete -F _~ ~\n";

int opt_complete_bash(const struct tool *t)
{
        printf("# bash completion for %s\n", t->name);
        print_commands_of(t);
        for (const char *p = script; *p; p++)
                if (*p == '~')
                        printf("%s", t->name);
                else
                        putchar(*p);
        return STATUS_DONE;
}
