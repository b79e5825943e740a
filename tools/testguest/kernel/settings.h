/* How the guest is to behave: words of the command line, and changed at run time by the request "set". */
#ifndef SETTINGS_H
#define SETTINGS_H
#include "lib.h"

struct settings {
  unsigned long ignore_shutdown, no_shutdown_features, acknowledge_only;
  unsigned long ignore_balloon, balloon_rate_kib;
  unsigned long ignore_connect, ignore_closing;
  unsigned long ip;
  unsigned long quiet;
};
extern struct settings settings;

/* Takes NAME, NAME=VALUE or NAME=off; false for a name or value that it does not know. Changes the text. */
bool settings_apply(char *word);
#endif
