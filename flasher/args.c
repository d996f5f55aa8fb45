/* Command lines as people type them, and the files that ESP-IDF's build leaves for esptool. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"

#define WORDS_MAX 4096

struct words {
        char **at;
        int n;
};

static int add(struct words *w, const char *word, size_t len)
{
        char *copy = w->n < WORDS_MAX ? strndup(word, len) : NULL;
        char **grown = copy ? realloc(w->at, (size_t)(w->n + 2) * sizeof *grown) : NULL;

        if (!grown) {
                free(copy);
                return usage_error("the command line is too long");
        }
        w->at = grown;
        w->at[w->n++] = copy;
        w->at[w->n] = NULL;
        return 0;
}

/* esptool's short options of three characters. */
static const char *long_name(const char *word)
{
        static const char *const names[][2] = { { "-fm", "--flash-mode" },
                                                { "-ff", "--flash-freq" },
                                                { "-fs", "--flash-size" } };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (!strcmp(word, names[i][0]))
                        return names[i][1];
        return word;
}

static int add_text(struct words *w, const char *word)
{
        word = long_name(word);
        return add(w, word, strlen(word));
}

/* Words of a text as a shell takes them apart: blanks, quotes, backslash, # to the end of the line.
 */
static int add_split(struct words *w, const char *p)
{
        char *word = malloc(strlen(p) + 1);
        int rc = word ? 0 : memory_error();

        while (rc == 0 && *p) {
                size_t n = 0;
                char quote = 0;

                p += strspn(p, " \t\r\n");
                if (*p == '#') {
                        p += strcspn(p, "\n");
                        continue;
                }
                if (!*p)
                        break;
                for (; *p && (quote || !strchr(" \t\r\n", *p)); p++) {
                        if (quote ? *p == quote : (*p == '"' || *p == '\''))
                                quote = quote ? 0 : *p;
                        else if (*p == '\\' && p[1] && quote != '\'')
                                word[n++] = *++p;
                        else
                                word[n++] = *p;
                }
                word[n] = 0;
                rc = add_text(w, word);
        }
        free(word);
        return rc;
}

static int add_at_file(struct words *w, const char *path)
{
        struct blob b = { 0 };
        struct diag d = { 0 };
        int rc;

        if (file_load(path, FILE_LIMIT_KEY, &b, &d) < 0)
                return fail(NULL, &d);
        rc = add_split(w, (const char *)b.data);
        blob_free(&b);
        return rc;
}

static int add_option(struct words *w, const cJSON *o, const char *member, const char *option)
{
        const cJSON *v = cJSON_GetObjectItem(o, member);
        int rc = 0;

        if (cJSON_IsString(v) && (rc = add_text(w, option)) == 0)
                rc = add_text(w, v->valuestring);
        return rc;
}

/* flasher_args.json of an ESP-IDF build: settings, files (beside it), chip and resets. */
static int add_json(struct words *w, const char *path)
{
        struct diag d = { 0 };
        cJSON *o = json_load(path, &d);
        char *dir = path_dir(path);
        const cJSON *files = o ? cJSON_GetObjectItem(o, "flash_files") : NULL;
        const cJSON *item;
        int rc = 0;

        if (!o || !dir || !cJSON_IsObject(files)) {
                if (o)
                        diag_set(&d, E_FORMAT,
                                 "'flash_files' is missing: not ESP-IDF's flasher_args.json");
                rc = fail(path, &d);
                goto out;
        }
        cJSON_ArrayForEach(item,
                           cJSON_GetObjectItem(o, "write_flash_args")) if (rc == 0 &&
                                                                           cJSON_IsString(item))
                rc = add_text(w, item->valuestring);
        if (rc == 0 && !g.chip)
                rc = add_option(w, cJSON_GetObjectItem(o, "extra_esptool_args"), "chip", "--chip");
        cJSON_ArrayForEach(item, files)
        {
                char *file = cJSON_IsString(item) ? path_join(dir, item->valuestring) : NULL;

                if (rc == 0)
                        rc = file ? add_text(w, item->string)
                                  : usage_error("%s: a file name is missing", path);
                if (rc == 0)
                        rc = add_text(w, file);
                free(file);
        }
out:
        cJSON_Delete(o);
        free(dir);
        return rc;
}

static bool ends_with(const char *text, const char *end)
{
        const size_t n = strlen(text);

        return n >= strlen(end) && !strcmp(text + n - strlen(end), end);
}

/* What may follow --diff-with: esptool takes all words up to the next option; ours also stop at an
 * address. */
static bool is_old_file(const char *word)
{
        uint64_t v;

        return word[0] != '-' && word[0] != '@' && parse_size(word, &v) < 0;
}

/* --encrypt-files ADDRESS FILE ...: each pair as an option of its own. at: behind the option;
 * returns how many words it took, or a negative exit status. */
static int add_pairs(struct words *w, const char *option, char **at, int n)
{
        int i;

        for (i = 0; i + 1 < n && at[i][0] != '-'; i += 2) {
                char *pair = NULL;
                int rc = asprintf(&pair, "%s=%s", at[i], at[i + 1]) < 0 ? memory_error()
                                                                        : add_text(w, option);

                if (rc == 0)
                        rc = add_text(w, pair);
                free(pair);
                if (rc)
                        return -rc;
        }
        return i;
}

/* espsecure's options that take all words up to the next option, but for the file at the end. */
static bool takes_many(const char *word)
{
        static const char *const names[] = { "--keyfile", "--key",        "-k",
                                             "--pub-key", "--public-key", "--signature" };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (opt_word_is(word, names[i]))
                        return true;
        return false;
}

/*
 * espefuse says --virt alone, and the file's name in an option of its own: then the word falls
 * away, or means a chip that is kept nowhere.
 */
static const char *virtual_chip(char **rest, int n)
{
        if (n > 1 && rest[1][0] != '-')
                return rest[0];
        for (int i = 1; i < n; i++)
                if (opt_word_is(rest[i], "--path-efuse-file"))
                        return NULL;
        return "--virt=";
}

int args_expand(int *argc, char ***argv)
{
        static struct words w = { 0 }; /* lives as long as the program */
        bool flashes = false;
        bool signs = false;
        int rc = add_text(&w, (*argv)[0]);

        for (int i = 1; i < *argc && rc == 0; i++) {
                const char *word = (*argv)[i];

                /* @flasher_args.json from habit: it is not a list of words */
                if (flashes && word[0] == '@' && ends_with(word, ".json"))
                        word++;
                flashes = flashes || opt_word_is(word, "write-flash") ||
                          opt_word_is(word, "verify-flash");
                signs = signs || opt_word_is(word, "sign|sign-data");
                if (opt_word_is(word, "--diff-with")) {
                        while (rc == 0 && i + 1 < *argc && is_old_file((*argv)[i + 1]))
                                if ((rc = add_text(&w, word)) == 0)
                                        rc = add_text(&w, (*argv)[++i]);
                } else if (flashes && opt_word_is(word, "--encrypt-files")) {
                        const int taken = add_pairs(&w, word, *argv + i + 1, *argc - i - 1);

                        if (taken > 0)
                                i += taken;
                        else
                                rc = taken ? -taken : add_text(&w, word);
                } else if (signs && takes_many(word)) {
                        do
                                if ((rc = add_text(&w, word)) == 0 && i + 1 < *argc)
                                        rc = add_text(&w, (*argv)[++i]);
                        while (rc == 0 && i + 2 < *argc && (*argv)[i + 1][0] != '-');
                } else if (!strcmp(word, "--virt")) {
                        word = virtual_chip(*argv + i, *argc - i);
                        rc = word ? add_text(&w, word) : 0;
                } else if (word[0] == '@' && word[1])
                        rc = add_at_file(&w, word + 1);
                else if (flashes && word[0] != '-' && ends_with(word, ".json"))
                        rc = add_json(&w, word);
                else
                        rc = add_text(&w, word);
        }
        *argc = w.n;
        *argv = w.at;
        return rc;
}
