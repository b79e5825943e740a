#include "lib.h"

void *memcpy(void *to, const void *from, size_t bytes) {
  void *start = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
  return start;
}

void *memset(void *to, int value, size_t bytes) {
  void *start = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return start;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *x = a, *y = b;
  for (; bytes; x++, y++, bytes--)
    if (*x != *y) return *x - *y;
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

bool starts_with(const char *text, const char *start) {
  while (*start)
    if (*text++ != *start++) return false;
  return true;
}

struct output {
  char *next, *end;
};

static void put(struct output *out, char c) {
  if (out->next < out->end) *out->next++ = c;
}

static void put_number(struct output *out, unsigned long value, unsigned base, unsigned width) {
  char digits[20];
  unsigned count = 0;
  do digits[count++] = "0123456789abcdef"[value % base];
  while ((value /= base));
  for (; width > count; width--) put(out, '0');
  while (count) put(out, digits[--count]);
}

size_t format_list(char *buffer, size_t size, const char *fmt, va_list args) {
  struct output out = {buffer, buffer + size - 1};
  for (; *fmt; fmt++) {
    if (*fmt != '%') {
      put(&out, *fmt);
      continue;
    }
    unsigned width = 0;
    bool is_long = false;
    for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++) width = width * 10 + (unsigned)(*fmt - '0');
    for (; *fmt == 'l'; fmt++) is_long = true;
    switch (*fmt) {
      case 's':
        for (const char *text = va_arg(args, const char *); *text; text++) put(&out, *text);
        break;
      case 'c':
        put(&out, (char)va_arg(args, int));
        break;
      case 'd': {
        long value = is_long ? va_arg(args, long) : va_arg(args, int);
        if (value < 0) put(&out, '-');
        put_number(&out, value < 0 ? -(unsigned long)value : (unsigned long)value, 10, width);
        break;
      }
      case 'u':
      case 'x': {
        unsigned long value = is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned);
        put_number(&out, value, *fmt == 'u' ? 10 : 16, width);
        break;
      }
      default:
        put(&out, *fmt);
    }
  }
  *out.next = 0;
  return (size_t)(out.next - buffer);
}

size_t format(char *out, size_t size, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  size_t length = format_list(out, size, fmt, args);
  va_end(args);
  return length;
}

bool parse_number(const char *text, unsigned long *value) {
  unsigned long sum = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    sum = sum * 10 + (unsigned long)(*text - '0');
  }
  *value = sum;
  return true;
}

unsigned split_words(char *text, char *words[], unsigned max) {
  unsigned count = 0;
  for (;;) {
    while (*text == ' ') *text++ = 0;
    if (!*text || count == max) return count;
    words[count++] = text;
    while (*text && *text != ' ') text++;
  }
}

uint32_t crc32(uint32_t crc, const void *data, size_t bytes) {
  static uint32_t table[256];
  if (!table[1]) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
      table[i] = value;
    }
  }
  crc = ~crc;
  for (const uint8_t *byte = data; bytes; byte++, bytes--)
    crc = table[(crc ^ *byte) & 0xff] ^ crc >> 8;
  return ~crc;
}
