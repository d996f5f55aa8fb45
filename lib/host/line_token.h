/* What a unit says of itself: the self-test's token line (firmware/core/console.h), words behind a
 * token. */
#ifndef HOST_LINE_TOKEN_H
#define HOST_LINE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

struct line_token {
        bool pass;
        char version[64], project[64], serial[72], mac[24]; /* empty: not said */
        char bad[96]; /* "cert=missing fctry=bad": what is neither said above nor ok */
};

/*
 * Is line (NUL-terminated, no line end) a token line: token anywhere in it, then the word PASS or
 * FAIL, then NAME=VALUE words in any order? 1 with *out, 0 if not. A text that is too long for its
 * place is cut; a cut version equals no other.
 */
int line_token_read(const char *line, const char *token, struct line_token *out);

#endif
