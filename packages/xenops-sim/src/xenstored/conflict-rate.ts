/**
 * How often a guest may make the transactions of others fail, so that none can keep Dom0 from ever committing (XSA-206):
 * each failure costs its domain one credit, and a domain in debt is not read from until it is out of it. The amounts are
 * those of the C xenstored 4.17 (`WRL_*`, tools/xenstore/xenstored_domain.h). That daemon does not know whom a write hits
 * and charges every write of a guest while any transaction is open; here only those pay that did harm, so that a thousand
 * guests which boot side by side do not wait for each other.
 */
import type { Clock } from '@xenops/core/host';

/** Credits of a domain that has done no harm for a while. */
const BURST = 10;
/** Credits that come back each second, shared by all domains. */
const RATE_PER_SECOND = 200;
/** What comes back while nobody needs it, for whoever does. */
const RESERVE_MAX = 1000;

interface Account {
  credit: number;
  updatedMs: number;
  isReported: boolean;
}

export interface ConflictRateParts {
  readonly clock: Clock;
  readonly domainCount: () => number;
  /** Told of a domain that is made to wait, once in its life: a guest must not fill logs either. */
  readonly log: (text: string) => void;
}

export class ConflictRate {
  readonly #parts: ConflictRateParts;
  /** Of the domains that have done harm. */
  readonly #accounts = new Map<number, Account>();
  readonly #waiting = new Map<number, Disposable>();
  readonly #reserve: Account;

  constructor(parts: ConflictRateParts) {
    this.#parts = parts;
    this.#reserve = newAccount(0, parts.clock);
  }

  charge(domid: number, failures: number): void {
    let account = this.#accounts.get(domid);
    if (account === undefined) {
      account = newAccount(BURST, this.#parts.clock);
      this.#accounts.set(domid, account);
    }
    this.#update(account);
    account.credit -= failures;
    if (account.credit >= 0 || account.isReported) return;
    account.isReported = true;
    this.#parts.log(
      `Domain ${domid} makes too many transactions of others fail, and is slowed down`,
    );
  }

  /**
   * Whether the domain is in debt. If so, `onRestored` is called when it should be looked at again, unless that has been
   * asked for already.
   */
  mustWait(domid: number, onRestored: () => void): boolean {
    const account = this.#accounts.get(domid);
    if (account === undefined) return false;
    this.#update(account);
    if (account.credit >= 0) return false;
    if (this.#waiting.has(domid)) return true;
    const timer = this.#parts.clock.startTimer(this.#waitMs(account), () => {
      this.#waiting.delete(domid);
      onRestored();
    });
    this.#waiting.set(domid, timer);
    return true;
  }

  /** The domain is gone; its number starts anew. */
  forget(domid: number): void {
    this.#accounts.delete(domid);
    this.#waiting.get(domid)?.[Symbol.dispose]();
    this.#waiting.delete(domid);
  }

  /** Until the domain's own share has paid its debt, or the reserve can. */
  #waitMs({ credit }: Account): number {
    const ownMs = (-credit * 1000) / this.#sharePerSecond();
    const reserveMs = ((this.#waiting.size + 1) * 1000) / RATE_PER_SECOND;
    return Math.ceil(Math.min(ownMs, reserveMs));
  }

  #sharePerSecond(): number {
    return RATE_PER_SECOND / Math.max(1, this.#parts.domainCount());
  }

  #update(account: Account): void {
    const nowMs = this.#parts.clock.nowMs();
    refill(account, nowMs, { perSecond: this.#sharePerSecond(), max: BURST });
    refill(this.#reserve, nowMs, { perSecond: RATE_PER_SECOND, max: RESERVE_MAX });
    const lent = Math.max(0, Math.min(-account.credit, this.#reserve.credit));
    account.credit += lent;
    this.#reserve.credit -= lent;
  }
}

function newAccount(credit: number, clock: Clock): Account {
  return { credit, updatedMs: clock.nowMs(), isReported: false };
}

function refill(
  account: Account,
  nowMs: number,
  { perSecond, max }: { readonly perSecond: number; readonly max: number },
): void {
  const elapsedMs = Math.max(0, nowMs - account.updatedMs);
  account.credit = Math.min(max, account.credit + (elapsedMs * perSecond) / 1000);
  account.updatedMs = nowMs;
}
