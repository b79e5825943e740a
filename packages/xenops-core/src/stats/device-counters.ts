/** Counters of disks and network interfaces that Dom0's kernel serves, from sysfs. */
import type { HostServices } from '../host/host-services.ts';
import { findDomid, type Domid } from '../ids.ts';

/** `/sys/bus/xen-backend/devices/vbd-D-N/statistics` (drivers/block/xen-blkback/xenbus.c). */
export interface DiskCounters {
  readonly devid: number;
  readonly readCount: number;
  readonly writeCount: number;
  readonly flushCount: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** `/sys/class/net/vifD.N/statistics`, as the guest sees it: what Dom0 receives there the guest has sent. */
export interface NicCounters {
  readonly devid: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly droppedPackets: number;
}

type Services = Pick<HostServices, 'listFolder' | 'readText'>;

const BACKENDS = '/sys/bus/xen-backend/devices';
const LINKS = '/sys/class/net';
/** blkback counts in these, whatever the disk's own are. */
const SECTOR_BYTES = 512;

/** By domain. */
export async function readDisks(
  services: Services,
): Promise<ReadonlyMap<Domid, readonly DiskCounters[]>> {
  return byDomain(
    services,
    BACKENDS,
    /^vbd-(\d{1,5})-(\d{1,10})$/,
    ['rd_req', 'wr_req', 'f_req', 'rd_sect', 'wr_sect'],
    (devid, [reads, writes, flushes, readSectors, writtenSectors]) => ({
      devid,
      readCount: reads ?? 0,
      writeCount: writes ?? 0,
      flushCount: flushes ?? 0,
      readBytes: (readSectors ?? 0) * SECTOR_BYTES,
      writtenBytes: (writtenSectors ?? 0) * SECTOR_BYTES,
    }),
  );
}

/** By domain. Interfaces that were renamed are nobody's. */
export async function readNics(
  services: Services,
): Promise<ReadonlyMap<Domid, readonly NicCounters[]>> {
  return byDomain(
    services,
    LINKS,
    /^vif(\d{1,5})\.(\d{1,10})$/,
    ['rx_bytes', 'rx_packets', 'tx_bytes', 'tx_packets', 'rx_dropped', 'tx_dropped'],
    (devid, [sentBytes, sentPackets, receivedBytes, receivedPackets, rxDropped, txDropped]) => ({
      devid,
      sentBytes: sentBytes ?? 0,
      sentPackets: sentPackets ?? 0,
      receivedBytes: receivedBytes ?? 0,
      receivedPackets: receivedPackets ?? 0,
      droppedPackets: (rxDropped ?? 0) + (txDropped ?? 0),
    }),
  );
}

async function byDomain<Counters extends { readonly devid: number }>(
  services: Services,
  folder: string,
  form: RegExp,
  keys: readonly string[],
  make: (devid: number, values: readonly (number | undefined)[]) => Counters,
): Promise<ReadonlyMap<Domid, readonly Counters[]>> {
  const names = await services.listFolder(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const [, domidText = '', devid = ''] = form.exec(name) ?? [];
      const domid = findDomid(domidText);
      if (domid === undefined) return undefined;
      const texts = await Promise.all(
        keys.map((key) => services.readText(`${folder}/${name}/statistics/${key}`)),
      );
      const values = texts.map(counter);
      // It went away while we looked.
      if (values.every((value) => value === undefined)) return undefined;
      return { domid, counters: make(Number(devid), values) };
    }),
  );
  const result = new Map<Domid, Counters[]>();
  for (const { domid, counters } of found.flatMap((entry) => entry ?? [])) {
    result.set(domid, [...(result.get(domid) ?? []), counters]);
  }
  for (const list of result.values()) list.sort((a, b) => a.devid - b.devid);
  return result;
}

function counter(text: string | undefined): number | undefined {
  const digits = /^\d{1,15}$/.exec((text ?? '').trim())?.[0];
  return digits === undefined ? undefined : Number(digits);
}
