/* Where a value stands in a JSON text: cJSON forgets it, an operator wants to know. */
#ifndef HOST_JSON_PLACE_H
#define HOST_JSON_PLACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The place of a member's name, or of an array's element. path: names and indices behind slashes,
 * "/images/2/file", as RFC 6901 writes them but without its escapes: a name with a slash or a
 * backslash in it cannot be found. What the path's end does not lead to is found as far as it
 * goes: the place of its last part that is there. text is valid JSON (json_parse took it). line
 * and column count from 1, the column in bytes. Returns 0, or -E_SYNTAX (1:1) when text is not what
 * it should be.
 */
int json_place(const char *text, size_t len, const char *path, uint32_t *line, uint32_t *column);

#endif
