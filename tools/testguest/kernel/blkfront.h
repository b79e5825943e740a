/* Disks: one request at a time, of up to BLOCK_REQUEST_SECTORS sectors. */
#ifndef BLKFRONT_H
#define BLKFRONT_H
#include "device.h"

#define BLOCK_SECTOR_BYTES 512ul
#define BLOCK_DATA_PAGES 8
#define BLOCK_REQUEST_SECTORS (BLOCK_DATA_PAGES * PAGE_BYTES / BLOCK_SECTOR_BYTES)

/* Sectors of 512 bytes. */
unsigned long block_sectors(const struct device *device);
/*
 * Reads or writes sectors through block_page; NULL when done, else what went wrong. A flush has no sectors.
 * `operation` is one of blkif.h.
 */
const char *block_transfer(struct device *device, unsigned operation, unsigned long sector, unsigned count);
/* The request's data, page by page. */
void *block_page(struct device *device, unsigned index);
#endif
