/**
 * Domains as Xen tells of them: records in one buffer, little-endian and laid out as the addon says. Handing over a
 * thousand domains costs one copy; what a caller looks at is decoded when it does.
 */
import type { Domid, VmUuid } from '@xenops/core/ids';
import { shutdownReason, type DomainInfo, type GuestType } from '@xenops/core/hypervisor';
import { kibFromPages } from '@xenops/core/units';
import type { AddonDomainLayout } from './addon.ts';

/** `XEN_DOMINF_*`, xen/include/public/domctl.h. */
const FLAG = { dying: 1, hvm: 2, shutdown: 4, paused: 8, blocked: 16, running: 32 };
const SHUTDOWN_SHIFT = 16;
const SHUTDOWN_MASK = 0xff;

/** `XEN_X86_EMU_*` of devices that a domain without a device model may have: LAPIC, IOAPIC and VPCI (the two for Dom0). */
const PVH_EMULATION = (1 << 0) | (1 << 4) | (1 << 10);

/** `XEN_INVALID_MAX_VCPU_ID`. */
const NO_VCPU_ID = 0xffffffff;
/** Xen keeps the limit in 32 bits and sets all of them for "none". */
const UNLIMITED_PAGES = 0xffffffff;

/** Records that a table has room for at first, and beyond those that were needed last. */
const SPARE = 16;

const HEX_DIGITS = Uint8Array.from(Buffer.from('0123456789abcdef'));
/** Where the two digits of each byte are in the text of a uuid, between its dashes. */
const DIGITS_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const UUID_LENGTH = 36;

/** A list of domains, decoded on demand. */
export class DomainTable implements Iterable<DomainInfo> {
  readonly #layout: AddonDomainLayout;
  #records: DomainRecords;
  #length = 0;

  /** An empty one. */
  constructor(layout: AddonDomainLayout) {
    this.#layout = layout;
    this.#records = new DomainRecords(layout, SPARE);
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Fills the table anew. `read` writes records and tells how many; it is called again, with more room, when it had room for no
   * more than that.
   */
  refill(read: (records: ArrayBuffer) => number): void {
    // The whole room goes through the hypercall.
    const isTooLarge = this.#records.room > 2 * (this.#length + SPARE);
    if (isTooLarge) this.#records = new DomainRecords(this.#layout, this.#length + SPARE);
    this.#length = 0;
    let count = read(this.#records.buffer);
    while (count >= this.#records.room) {
      this.#records = new DomainRecords(this.#layout, 2 * this.#records.room);
      count = read(this.#records.buffer);
    }
    this.#length = count;
  }

  /** The domid of the domain at this place, without decoding the rest. Throws RangeError beyond the end. */
  domidAt(index: number): Domid {
    this.#assertHas(index);
    return this.#records.domid(index);
  }

  /** The domain at this place. Throws RangeError beyond the end. */
  at(index: number): DomainInfo {
    this.#assertHas(index);
    return this.#records.decode(index);
  }

  *[Symbol.iterator](): Iterator<DomainInfo> {
    for (let index = 0; index < this.#length; index++) yield this.#records.decode(index);
  }

  #assertHas(index: number): void {
    if (index >= 0 && index < this.#length) return;
    throw new RangeError(`The list has no domain at ${index}`);
  }
}

/** Room for records. What is read from a place to which nothing was written has no meaning. */
export class DomainRecords {
  readonly buffer: ArrayBuffer;
  readonly room: number;
  readonly #layout: AddonDomainLayout;
  readonly #shorts: Uint16Array;
  readonly #words: Uint32Array;
  readonly #longs: BigUint64Array;
  readonly #bytes: Uint8Array;
  /** Put together here: half of the time of decoding went into adding up strings. */
  readonly #uuidText = Buffer.alloc(UUID_LENGTH, '-');

  constructor(layout: AddonDomainLayout, room: number) {
    this.#layout = layout;
    this.room = room;
    this.buffer = new ArrayBuffer(room * layout.recordBytes);
    this.#shorts = new Uint16Array(this.buffer);
    this.#words = new Uint32Array(this.buffer);
    this.#longs = new BigUint64Array(this.buffer);
    this.#bytes = new Uint8Array(this.buffer);
  }

  domid(index: number): Domid {
    const { recordBytes, domid } = this.#layout;
    return (this.#shorts[(index * recordBytes + domid) / 2] ?? 0) as Domid;
  }

  decode(index: number): DomainInfo {
    const at = this.#layout;
    const start = index * at.recordBytes;
    const flags = this.#word(start + at.flags);
    const maxVcpuId = this.#word(start + at.maxVcpuId);
    const info = {
      domid: this.domid(index),
      uuid: this.#uuid(start + at.handle),
      guestType: guestTypeOf(flags, this.#word(start + at.emulationFlags)),
      dying: (flags & FLAG.dying) !== 0,
      shutdown: (flags & FLAG.shutdown) !== 0,
      paused: (flags & FLAG.paused) !== 0,
      blocked: (flags & FLAG.blocked) !== 0,
      running: (flags & FLAG.running) !== 0,
      memoryKib: kibFromPages(this.#pages(start + at.totalPages)),
      maxMemoryKib: limitKib(this.#pages(start + at.maxPages)),
      outstandingKib: kibFromPages(this.#pages(start + at.outstandingPages)),
      sharedInfoFrame: this.#long(start + at.sharedInfoFrame),
      cpuTimeNs: this.#long(start + at.cpuTimeNs),
      onlineVcpuCount: this.#word(start + at.onlineVcpuCount),
      maxVcpuId: maxVcpuId === NO_VCPU_ID ? -1 : maxVcpuId,
      ssidref: this.#word(start + at.ssidref),
      cpupoolId: this.#word(start + at.cpupoolId),
    };
    if (!info.shutdown) return info;
    const reason = shutdownReason((flags >>> SHUTDOWN_SHIFT) & SHUTDOWN_MASK);
    return { ...info, shutdownReason: reason };
  }

  #word(bytes: number): number {
    return this.#words[bytes / 4] ?? 0;
  }

  #long(bytes: number): bigint {
    return this.#longs[bytes / 8] ?? 0n;
  }

  /** A 64-bit number of pages. No bigint is made for it: a number is exact up to 32 EiB. */
  #pages(bytes: number): number {
    return this.#word(bytes) + this.#word(bytes + 4) * 2 ** 32;
  }

  #uuid(bytes: number): VmUuid {
    DIGITS_AT.forEach((at, index) => {
      const byte = this.#bytes[bytes + index] ?? 0;
      this.#uuidText[at] = HEX_DIGITS[byte >> 4] ?? 0;
      this.#uuidText[at + 1] = HEX_DIGITS[byte & 0xf] ?? 0;
    });
    return this.#uuidText.toString('latin1') as VmUuid;
  }
}

function limitKib(pages: number): number {
  return pages >= UNLIMITED_PAGES ? Infinity : kibFromPages(pages);
}

function guestTypeOf(flags: number, emulation: number): GuestType {
  if ((flags & FLAG.hvm) === 0) return 'pv';
  return (emulation & ~PVH_EMULATION) === 0 ? 'pvh' : 'hvm';
}
