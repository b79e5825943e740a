#include "blkfront.h"
#include "event.h"

#define xen_mb() memory_barrier()
#define xen_wmb() memory_barrier()
#define xen_rmb() memory_barrier()
#include <xen/io/blkif.h>

#define ANSWER_TIMEOUT_NS (20000 * NS_PER_MS)
#define SECTORS_PER_PAGE (PAGE_BYTES / BLOCK_SECTOR_BYTES)
/* shared[0] is the ring, the rest are data. */
#define FIRST_DATA 1

struct block {
  blkif_front_ring_t ring;
  unsigned long sectors;
};

static void on_event(void *data) {
  /* Answers are waited for where the request was made; a late one is thrown away with the next. */
  (void)data;
}

static bool publish(struct device *device) {
  struct block *block = device->state;
  for (unsigned i = 0; i <= BLOCK_DATA_PAGES; i++)
    if (device_share_page(device) < 0) return false;
  blkif_sring_t *shared = device->shared[0].page;
  SHARED_RING_INIT(shared);
  FRONT_RING_INIT(&block->ring, shared, PAGE_BYTES);
  char path[XS_NODE_BYTES];
  format(path, sizeof path, "%s/protocol", device->path);
  return device_write_number(device, "ring-ref", device->shared[0].grant) &&
         xs_write(XS_NO_TRANSACTION, path, "x86_64-abi");
}

static bool connect(struct device *device) {
  struct block *block = device->state;
  return xs_read_number(device->backend, "sectors", &block->sectors);
}

const struct device_kind block_kind = {
    .name = "vbd",
    .published_state = XenbusStateInitialised,
    .publish = publish,
    .connect = connect,
    .on_event = on_event,
};

unsigned long block_sectors(const struct device *device) {
  return ((struct block *)device->state)->sectors;
}

void *block_page(struct device *device, unsigned index) {
  return device->shared[FIRST_DATA + index].page;
}

static void put_request(struct device *device, const blkif_request_t *request) {
  blkif_front_ring_t *ring = &((struct block *)device->state)->ring;
  int notify;
  *RING_GET_REQUEST(ring, ring->req_prod_pvt) = *request;
  ring->req_prod_pvt++;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(ring, notify);
  if (notify) event_notify(device->port);
}

/* The status for this id; answers to requests that were given up are skipped. False when none came in time. */
static bool take_answer(struct device *device, uint64_t id, int *status) {
  blkif_front_ring_t *ring = &((struct block *)device->state)->ring;
  uint64_t until = now_ns() + ANSWER_TIMEOUT_NS;
  for (;;) {
    int more;
    while (RING_HAS_UNCONSUMED_RESPONSES(ring)) {
      xen_rmb();
      const blkif_response_t *response = RING_GET_RESPONSE(ring, ring->rsp_cons);
      ring->rsp_cons++;
      if (response->id != id) continue;
      *status = response->status;
      ring->sring->rsp_event = ring->rsp_cons + 1;
      return true;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    if (!more && !event_wait_for(device->port, until)) return false;
  }
}

const char *block_transfer(struct device *device, unsigned operation, unsigned long sector, unsigned count) {
  static uint64_t last_id;
  blkif_request_t request = {
      .operation = (uint8_t)operation,
      .handle = (blkif_vdev_t)device->id,
      .id = ++last_id,
      .sector_number = sector,
  };
  for (unsigned done = 0; done < count; done += SECTORS_PER_PAGE) {
    unsigned index = request.nr_segments++;
    request.seg[index].gref = device->shared[FIRST_DATA + index].grant;
    request.seg[index].first_sect = 0;
    request.seg[index].last_sect = (uint8_t)(min_of(count - done, SECTORS_PER_PAGE) - 1);
  }
  put_request(device, &request);
  int status;
  if (!take_answer(device, request.id, &status)) return "the back-end does not answer";
  if (status == BLKIF_RSP_OKAY) return NULL;
  return status == BLKIF_RSP_EOPNOTSUPP ? "not supported" : "input/output error";
}
