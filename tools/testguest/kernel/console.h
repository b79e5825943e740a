/* The PV console. Output waits in memory while the ring is full, and is dropped when that is full too. */
#ifndef CONSOLE_H
#define CONSOLE_H
#include "lib.h"

/* Finds the ring, after boot and after every suspend; lines that are typed go to `on_line`. */
void console_init(void (*on_line)(char *line));
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#endif
