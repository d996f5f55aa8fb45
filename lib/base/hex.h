/* Hexadecimal and base64 text. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Value of one hexadecimal digit of either case, or -1. */
int hex_digit(char c);

/*
 * Decode n characters of hexadecimal at text into out (cap bytes). Strict: an even number of
 * digits and nothing else. Returns the number of bytes, -E_SYNTAX (*bad, if not NULL, is the index
 * of the offending character, n for an odd length) or -E_NOSPACE.
 */
long hex_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *bad);

/* Encode as lower-case hexadecimal with a NUL: out holds 2 * n + 1 bytes. */
void hex_encode(const uint8_t *p, size_t n, char *out);

/*
 * Decode n characters of base64 (RFC 4648, section 4). White space (blank, tab, CR, LF) is
 * skipped; padding is required and nothing may follow it but white space. Returns the number of
 * bytes, -E_SYNTAX (*bad as above, n for missing padding) or -E_NOSPACE. Bits of the last digit
 * that the padding leaves over are ignored, as every common decoder does.
 */
long base64_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *bad);

/* Length of the encoding of n bytes with its NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4 + 1)

/* Encode with padding and a NUL; out holds BASE64_LEN(n) bytes. */
void base64_encode(const uint8_t *p, size_t n, char *out);

#endif
