/**
 * Domains as the addon hands them over: records of 88 bytes in one buffer (`DomainRecord` in cpp/domctl.cc), in the byte
 * order of the machine. Handing over a thousand domains costs one copy; what a caller looks at is decoded when it does.
 */
import { vmUuidFromBytes, type Domid } from '@xenops/core/ids';
import { shutdownReason, type DomainInfo, type GuestType } from '@xenops/core/hypervisor';
import { kibFromPages } from '@xenops/core/units';

/** Length of one record. */
export const DOMAIN_RECORD_BYTES = 88;
const WORDS_PER_RECORD = DOMAIN_RECORD_BYTES / 4;
const LONGS_PER_RECORD = DOMAIN_RECORD_BYTES / 8;

/** Index of each 32-bit field in its record. */
const WORD = {
  domid: 0,
  flags: 1,
  emulation: 2,
  onlineVcpus: 3,
  maxVcpuId: 4,
  ssidref: 5,
  cpupool: 6,
};
/** Index of each 64-bit field in its record. */
const LONG = { totalPages: 4, maxPages: 5, outstandingPages: 6, sharedInfoFrame: 7, cpuTimeNs: 8 };
const HANDLE_OFFSET_BYTES = 72;
const HANDLE_BYTES = 16;

/** `XEN_DOMINF_*`, xen/include/public/domctl.h. */
const FLAG = { dying: 1, hvm: 2, shutdown: 4, paused: 8, blocked: 16, running: 32 };
const SHUTDOWN_SHIFT = 16;
const SHUTDOWN_MASK = 0xff;

/** `XEN_X86_EMU_*` of devices that a domain without a device model may have: LAPIC, IOAPIC and VPCI (the two for Dom0). */
const PVH_EMULATION = (1 << 0) | (1 << 4) | (1 << 10);

/** `XEN_INVALID_MAX_VCPU_ID`. */
const NO_VCPU_ID = 0xffffffff;
/** Xen keeps the limit in 32 bits and sets all of them for "none". */
const UNLIMITED_PAGES = 0xffffffffn;

/** A list of domains, decoded on demand. */
export class DomainTable implements Iterable<DomainInfo> {
  readonly length: number;
  readonly #words: Uint32Array;
  readonly #longs: BigUint64Array;
  readonly #bytes: Uint8Array;

  constructor(records: ArrayBuffer) {
    this.length = records.byteLength / DOMAIN_RECORD_BYTES;
    this.#words = new Uint32Array(records);
    this.#longs = new BigUint64Array(records);
    this.#bytes = new Uint8Array(records);
  }

  /** The domid of the domain at this place, without decoding the rest. Throws RangeError beyond the end. */
  domidAt(index: number): Domid {
    return this.#word(index, WORD.domid) as Domid;
  }

  /** The domain at this place. Throws RangeError beyond the end. */
  at(index: number): DomainInfo {
    const flags = this.#word(index, WORD.flags);
    const maxVcpuId = this.#word(index, WORD.maxVcpuId);
    const shutdown = (flags & FLAG.shutdown) !== 0;
    return {
      domid: this.domidAt(index),
      uuid: vmUuidFromBytes(this.#handle(index)),
      guestType: guestTypeOf(flags, this.#word(index, WORD.emulation)),
      dying: (flags & FLAG.dying) !== 0,
      shutdown,
      paused: (flags & FLAG.paused) !== 0,
      blocked: (flags & FLAG.blocked) !== 0,
      running: (flags & FLAG.running) !== 0,
      ...(shutdown
        ? { shutdownReason: shutdownReason((flags >>> SHUTDOWN_SHIFT) & SHUTDOWN_MASK) }
        : {}),
      memoryKib: this.#kib(index, LONG.totalPages),
      maxMemoryKib: this.#limitKib(index),
      outstandingKib: this.#kib(index, LONG.outstandingPages),
      sharedInfoFrame: this.#long(index, LONG.sharedInfoFrame),
      cpuTimeNs: this.#long(index, LONG.cpuTimeNs),
      onlineVcpuCount: this.#word(index, WORD.onlineVcpus),
      maxVcpuId: maxVcpuId === NO_VCPU_ID ? -1 : maxVcpuId,
      ssidref: this.#word(index, WORD.ssidref),
      cpupoolId: this.#word(index, WORD.cpupool),
    };
  }

  *[Symbol.iterator](): Iterator<DomainInfo> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  #word(index: number, field: number): number {
    return present(this.#words[index * WORDS_PER_RECORD + field], index);
  }

  #long(index: number, field: number): bigint {
    return present(this.#longs[index * LONGS_PER_RECORD + field], index);
  }

  #kib(index: number, field: number): number {
    return kibFromPages(Number(this.#long(index, field)));
  }

  #limitKib(index: number): number {
    const pages = this.#long(index, LONG.maxPages);
    return pages >= UNLIMITED_PAGES ? Infinity : kibFromPages(Number(pages));
  }

  #handle(index: number): Uint8Array {
    const start = index * DOMAIN_RECORD_BYTES + HANDLE_OFFSET_BYTES;
    return this.#bytes.subarray(start, start + HANDLE_BYTES);
  }
}

function present<T>(value: T | undefined, index: number): T {
  if (value === undefined) throw new RangeError(`The list has no domain at ${index}`);
  return value;
}

function guestTypeOf(flags: number, emulation: number): GuestType {
  if ((flags & FLAG.hvm) === 0) return 'pv';
  return (emulation & ~PVH_EMULATION) === 0 ? 'pvh' : 'hvm';
}
