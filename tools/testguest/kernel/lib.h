/* What a C library would give, and no more. */
#ifndef LIB_H
#define LIB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#define PAGE_BYTES 4096ul
#define PAGE_BITS 12
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
/* Whether a text starts so. */
bool starts_with(const char *text, const char *start);

/* snprintf with %s %c %u %d %x %lu %ld %lx, zero-padded widths and %%; always ends with NUL; gives the length. */
size_t format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_list(char *out, size_t size, const char *fmt, va_list args);

/* A whole decimal number; false for anything else. */
bool parse_number(const char *text, unsigned long *value);
/* Cuts a text at its spaces, in place; gives the number of words. */
unsigned split_words(char *text, char *words[], unsigned max);

/* The CRC-32 of zlib and gzip: start with 0, go on with what came out. */
uint32_t crc32(uint32_t crc, const void *data, size_t bytes);

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#endif
