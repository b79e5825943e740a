/** The memory that a domain may take of the store (`domain_chk_quota`, tools/xenstore/xenstored_domain.c). */
import { memoryBytesOf, type DomainTable } from './domains.ts';
import type { Quotas } from './quotas.ts';

export interface MemoryQuotaParts {
  readonly domains: DomainTable;
  readonly quotas: Quotas;
  /** Told of a domain that passes a level, once in its life for each: a guest must not fill logs either. */
  readonly log: (text: string) => void;
}

export class MemoryQuota {
  readonly #parts: MemoryQuotaParts;

  constructor(parts: MemoryQuotaParts) {
    this.#parts = parts;
  }

  /** Whether a domain may take so many bytes more; Dom0 always may. */
  hasRoom(domid: number, bytes: number): boolean {
    if (domid === 0) return true;
    const { domains, quotas, log } = this.#parts;
    const domain = domains.find(domid);
    if (domain === undefined) return true;
    const total = memoryBytesOf(domain) + bytes;
    if (total >= quotas.memoryWarningBytes && !domain.isMemoryWarned) {
      domain.isMemoryWarned = true;
      log(`Domain ${domid} exceeds soft memory quota`);
    }
    if (total < quotas.memoryBytes) return true;
    if (!domain.isMemoryStopped) {
      domain.isMemoryStopped = true;
      log(`Domain ${domid} exceeds hard memory quota, Xenstore interface to domain stalled`);
    }
    return false;
  }
}
