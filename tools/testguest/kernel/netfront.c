#include "netfront.h"
#include "event.h"
#include "settings.h"

#define xen_mb() memory_barrier()
#define xen_wmb() memory_barrier()
#define xen_rmb() memory_barrier()
#include <xen/io/netif.h>

/* The back-end wants room for the largest packet before it sends any. */
#define RECEIVE_PAGES 18
#define SEND_PAGES 4
enum { SHARED_TX, SHARED_RX, FIRST_RECEIVE, FIRST_SEND = FIRST_RECEIVE + RECEIVE_PAGES };
_Static_assert(FIRST_SEND + SEND_PAGES <= DEVICE_GRANTS_MAX, "pages of a network device");

#define MAC_BYTES 6
#define ETHER_BYTES 14
#define ETHER_IP 0x0800
#define ETHER_ARP 0x0806
#define ARP_BYTES 28
#define IP_ICMP 1
#define ICMP_ECHO 8

struct network {
  netif_tx_front_ring_t tx;
  netif_rx_front_ring_t rx;
  uint8_t mac[MAC_BYTES];
  struct network_counts counts;
};

static uint16_t get16(const uint8_t *at) {
  return (uint16_t)(at[0] << 8 | at[1]);
}
static uint32_t get32(const uint8_t *at) {
  return (uint32_t)get16(at) << 16 | get16(at + 2);
}
static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *data, size_t bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes; i += 2) sum += get16(data + i);
  if (bytes & 1) sum += (uint32_t)data[bytes - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static bool make_arp_reply(const struct network *network, uint8_t *frame, size_t bytes) {
  uint8_t *arp = frame + ETHER_BYTES;
  if (bytes < ETHER_BYTES + ARP_BYTES || get16(arp + 6) != 1 || get32(arp + 24) != settings.ip) return false;
  put16(arp + 6, 2);
  memcpy(arp + 18, arp + 8, MAC_BYTES + 4);
  memcpy(arp + 8, network->mac, MAC_BYTES);
  for (int i = 0; i < 4; i++) arp[14 + i] = (uint8_t)(settings.ip >> (24 - 8 * i));
  return true;
}

static bool make_echo_reply(uint8_t *frame, size_t bytes) {
  uint8_t *ip = frame + ETHER_BYTES, swap[4];
  size_t header = (ip[0] & 0xfu) * 4u, total = get16(ip + 2);
  if (bytes < ETHER_BYTES + 28 || total < header + 8 || ETHER_BYTES + total > bytes) return false;
  uint8_t *icmp = ip + header;
  if (ip[9] != IP_ICMP || get32(ip + 16) != settings.ip || icmp[0] != ICMP_ECHO) return false;
  memcpy(swap, ip + 12, 4);
  memcpy(ip + 12, ip + 16, 4);
  memcpy(ip + 16, swap, 4);
  put16(ip + 10, 0);
  put16(ip + 10, checksum(ip, header));
  icmp[0] = 0;
  put16(icmp + 2, 0);
  put16(icmp + 2, checksum(icmp, total - header));
  return true;
}

/* Turns a frame into its answer, in place; false when there is none. */
static bool make_answer(const struct network *network, uint8_t *frame, size_t bytes) {
  if (!settings.ip || bytes < ETHER_BYTES) return false;
  unsigned type = get16(frame + 12);
  bool has_answer = type == ETHER_ARP  ? make_arp_reply(network, frame, bytes)
                    : type == ETHER_IP ? make_echo_reply(frame, bytes)
                                       : false;
  if (!has_answer) return false;
  memcpy(frame, frame + MAC_BYTES, MAC_BYTES);
  memcpy(frame + MAC_BYTES, network->mac, MAC_BYTES);
  return true;
}

/* Drops the frame when all pages for sending are on their way. */
static void send(struct device *device, const uint8_t *frame, size_t bytes) {
  struct network *network = device->state;
  RING_IDX index = network->tx.req_prod_pvt;
  if (index - network->tx.rsp_cons >= SEND_PAGES) return;
  unsigned page = FIRST_SEND + index % SEND_PAGES;
  memcpy(device->shared[page].page, frame, bytes);
  *RING_GET_REQUEST(&network->tx, index) = (netif_tx_request_t){
      .gref = device->shared[page].grant,
      .id = (uint16_t)(index % SEND_PAGES),
      .size = (uint16_t)bytes,
  };
  network->tx.req_prod_pvt++;
  network->counts.sent++;
  int notify;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&network->tx, notify);
  if (notify) event_notify(device->port);
}

static void offer_page(struct device *device, uint16_t id) {
  struct network *network = device->state;
  *RING_GET_REQUEST(&network->rx, network->rx.req_prod_pvt) =
      (netif_rx_request_t){.id = id, .gref = device->shared[FIRST_RECEIVE + id].grant};
  network->rx.req_prod_pvt++;
}

static void push_offers(struct device *device) {
  struct network *network = device->state;
  int notify;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&network->rx, notify);
  if (notify) event_notify(device->port);
}

static void take_frame(struct device *device, const netif_rx_response_t *response) {
  struct network *network = device->state;
  if (response->id >= RECEIVE_PAGES) return;
  uint8_t *frame = (uint8_t *)device->shared[FIRST_RECEIVE + response->id].page + response->offset;
  if (response->status > 0 && response->offset + (size_t)response->status <= PAGE_BYTES) {
    network->counts.received++;
    if (make_answer(network, frame, (size_t)response->status)) send(device, frame, (size_t)response->status);
  }
  offer_page(device, response->id);
}

static void on_event(void *data) {
  struct device *device = data;
  struct network *network = device->state;
  int more;
  do {
    network->tx.rsp_cons = network->tx.sring->rsp_prod;
    RING_FINAL_CHECK_FOR_RESPONSES(&network->tx, more);
  } while (more);
  do {
    while (RING_HAS_UNCONSUMED_RESPONSES(&network->rx)) {
      xen_rmb();
      netif_rx_response_t response = *RING_GET_RESPONSE(&network->rx, network->rx.rsp_cons);
      network->rx.rsp_cons++;
      take_frame(device, &response);
    }
    push_offers(device);
    RING_FINAL_CHECK_FOR_RESPONSES(&network->rx, more);
  } while (more);
}

/* aa:bb:cc:dd:ee:ff. */
static bool read_mac(const struct device *device, uint8_t mac[MAC_BYTES]) {
  char path[XS_NODE_BYTES], text[20];
  format(path, sizeof path, "%s/mac", device->path);
  if (xs_read(XS_NO_TRANSACTION, path, text, sizeof text) != 17) return false;
  for (unsigned i = 0; i < 17; i++) {
    if (i % 3 == 2) continue;
    char c = text[i];
    unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)(c | 0x20) - 'a' + 10);
    mac[i / 3] = (uint8_t)(mac[i / 3] << 4 | (digit & 0xf));
  }
  return true;
}

static bool publish(struct device *device) {
  struct network *network = device->state;
  for (unsigned i = 0; i < FIRST_SEND + SEND_PAGES; i++)
    if (device_share_page(device) < 0) return false;
  netif_tx_sring_t *tx = device->shared[SHARED_TX].page;
  netif_rx_sring_t *rx = device->shared[SHARED_RX].page;
  SHARED_RING_INIT(tx);
  SHARED_RING_INIT(rx);
  FRONT_RING_INIT(&network->tx, tx, PAGE_BYTES);
  FRONT_RING_INIT(&network->rx, rx, PAGE_BYTES);
  for (uint16_t id = 0; id < RECEIVE_PAGES; id++) offer_page(device, id);
  push_offers(device);
  return read_mac(device, network->mac) &&
         device_write_number(device, "tx-ring-ref", device->shared[SHARED_TX].grant) &&
         device_write_number(device, "rx-ring-ref", device->shared[SHARED_RX].grant) &&
         device_write_number(device, "request-rx-copy", 1) &&
         device_write_number(device, "feature-rx-notify", 1) &&
         device_write_number(device, "feature-no-csum-offload", 1);
}

static bool connect(struct device *device) {
  push_offers(device);
  event_notify(device->port);
  return true;
}

const struct device_kind network_kind = {
    .name = "vif",
    .published_state = XenbusStateConnected,
    .publish = publish,
    .connect = connect,
    .on_event = on_event,
};

struct network_counts network_counts(const struct device *device) {
  return ((struct network *)device->state)->counts;
}
