/**
 * Domains as Xen tells of them: records in one buffer, little-endian and laid out as the addon says. Handing over a
 * thousand domains costs one copy; what a caller looks at is decoded when it does.
 */
import type { Domid, VmUuid } from '@xenops/core/ids';
import { shutdownReason, type DomainInfo, type GuestType } from '@xenops/core/hypervisor';
import { kibFromPages, KIB_PER_PAGE } from '@xenops/core/units';
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
/** So many pages, and no more, are a number of KiB that V8 keeps in 31 bits. */
const WHOLE_PAGES_END = 2 ** 28;

/** Records that a table has room for at first, and beyond those that were needed last. */
const SPARE = 16;

const UUID_WORDS = 4;
const DASH = '-'.charCodeAt(0);
/** Characters of the two digits of each byte. */
const HIGH_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => digitOf(byte >> 4));
const LOW_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => digitOf(byte & 0xf));

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
  /** The uuid that was last made for each place, and the bytes that it was made from: mostly it is the same domain again. */
  readonly #uuids: (VmUuid | undefined)[];
  readonly #uuidWords: Uint32Array;

  constructor(layout: AddonDomainLayout, room: number) {
    this.#layout = layout;
    this.room = room;
    this.buffer = new ArrayBuffer(room * layout.recordBytes);
    this.#shorts = new Uint16Array(this.buffer);
    this.#words = new Uint32Array(this.buffer);
    this.#longs = new BigUint64Array(this.buffer);
    this.#bytes = new Uint8Array(this.buffer);
    this.#uuids = Array.from({ length: room });
    this.#uuidWords = new Uint32Array(room * UUID_WORDS);
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
      uuid: this.#uuid(index, start + at.handle),
      guestType: guestTypeOf(flags, this.#word(start + at.emulationFlags)),
      dying: (flags & FLAG.dying) !== 0,
      shutdown: (flags & FLAG.shutdown) !== 0,
      paused: (flags & FLAG.paused) !== 0,
      blocked: (flags & FLAG.blocked) !== 0,
      running: (flags & FLAG.running) !== 0,
      memoryKib: this.#kib(start + at.totalPages),
      maxMemoryKib: this.#limitKib(start + at.maxPages),
      outstandingKib: this.#kib(start + at.outstandingPages),
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

  /**
   * Of a 64-bit number of pages. No bigint is made for it: a number is exact up to 32 EiB. What most domains have is done in
   * whole numbers; an emulated processor takes as long for three conversions in floating point as for all else here.
   */
  #kib(bytes: number): number {
    const low = this.#word(bytes);
    const high = this.#word(bytes + 4);
    if (high === 0 && low < WHOLE_PAGES_END) return Math.imul(low, KIB_PER_PAGE);
    return kibFromPages(low + high * 2 ** 32);
  }

  #limitKib(bytes: number): number {
    const isNone = this.#word(bytes) === UNLIMITED_PAGES || this.#word(bytes + 4) !== 0;
    return isNone ? Infinity : this.#kib(bytes);
  }

  #uuid(index: number, at: number): VmUuid {
    const known = this.#uuids[index];
    if (known !== undefined && this.#hasSameUuid(index, at)) return known;
    const made = this.#uuidText(at);
    this.#uuids[index] = made;
    const words = this.#words.subarray(at / 4, at / 4 + UUID_WORDS);
    this.#uuidWords.set(words, index * UUID_WORDS);
    return made;
  }

  #hasSameUuid(index: number, at: number): boolean {
    const now = this.#words;
    const before = this.#uuidWords;
    const nowAt = at / 4;
    const beforeAt = index * UUID_WORDS;
    return (
      now[nowAt] === before[beforeAt] &&
      now[nowAt + 1] === before[beforeAt + 1] &&
      now[nowAt + 2] === before[beforeAt + 2] &&
      now[nowAt + 3] === before[beforeAt + 3]
    );
  }

  /** Made in one go: adding up strings takes twice the time, and having a buffer decoded half as much again. */
  // prettier-ignore
  #uuidText(at: number): VmUuid {
    return String.fromCharCode(
      this.#high(at), this.#low(at), this.#high(at + 1), this.#low(at + 1),
      this.#high(at + 2), this.#low(at + 2), this.#high(at + 3), this.#low(at + 3), DASH,
      this.#high(at + 4), this.#low(at + 4), this.#high(at + 5), this.#low(at + 5), DASH,
      this.#high(at + 6), this.#low(at + 6), this.#high(at + 7), this.#low(at + 7), DASH,
      this.#high(at + 8), this.#low(at + 8), this.#high(at + 9), this.#low(at + 9), DASH,
      this.#high(at + 10), this.#low(at + 10), this.#high(at + 11), this.#low(at + 11),
      this.#high(at + 12), this.#low(at + 12), this.#high(at + 13), this.#low(at + 13),
      this.#high(at + 14), this.#low(at + 14), this.#high(at + 15), this.#low(at + 15),
    ) as VmUuid;
  }

  #high(at: number): number {
    return HIGH_DIGITS[this.#bytes[at] ?? 0] ?? 0;
  }

  #low(at: number): number {
    return LOW_DIGITS[this.#bytes[at] ?? 0] ?? 0;
  }
}

function digitOf(value: number): number {
  return value.toString(16).charCodeAt(0);
}

function guestTypeOf(flags: number, emulation: number): GuestType {
  if ((flags & FLAG.hvm) === 0) return 'pv';
  return (emulation & ~PVH_EMULATION) === 0 ? 'pvh' : 'hvm';
}
