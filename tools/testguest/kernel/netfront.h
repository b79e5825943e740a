/* Network cards that answer ARP and ICMP echo for one IPv4 address, settings.ip. */
#ifndef NETFRONT_H
#define NETFRONT_H
#include "device.h"

struct network_counts {
  unsigned long received, sent;
};
struct network_counts network_counts(const struct device *device);
#endif
