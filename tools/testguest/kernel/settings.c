#include "settings.h"

struct settings settings;

static const struct {
  const char *name;
  unsigned long *value;
} table[] = {
    {"ignore-shutdown", &settings.ignore_shutdown},
    {"no-shutdown-features", &settings.no_shutdown_features},
    {"acknowledge-only", &settings.acknowledge_only},
    {"ignore-balloon", &settings.ignore_balloon},
    {"balloon-rate", &settings.balloon_rate_kib},
    {"ignore-connect", &settings.ignore_connect},
    {"ignore-closing", &settings.ignore_closing},
    {"ip", &settings.ip},
    {"quiet", &settings.quiet},
};

/* A.B.C.D, or a decimal number. */
static bool parse_value(char *text, unsigned long *value) {
  unsigned long sum = 0, part = 0;
  unsigned dots = 0;
  for (char *start = text, *c = text;; c++) {
    if (*c != '.' && *c) continue;
    bool is_end = !*c;
    *c = 0;
    if (!parse_number(start, &part)) return false;
    sum = dots || !is_end ? sum << 8 | (part & 0xff) : part;
    if (is_end) break;
    dots++;
    start = c + 1;
  }
  *value = sum;
  return dots == 0 || dots == 3;
}

bool settings_apply(char *word) {
  char *value = word;
  while (*value && *value != '=') value++;
  bool has_value = *value == '=';
  if (has_value) *value++ = 0;
  for (unsigned i = 0; i < COUNT_OF(table); i++) {
    if (strcmp(table[i].name, word)) continue;
    unsigned long number = 1;
    if (has_value && !strcmp(value, "off"))
      number = 0;
    else if (has_value && !parse_value(value, &number))
      return false;
    *table[i].value = number;
    return true;
  }
  return false;
}
