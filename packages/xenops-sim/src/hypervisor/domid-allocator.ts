import { DOMID_FIRST_RESERVED } from '@xenops/core/ids';

/**
 * Chooses domids as Xen does: upwards from the last one chosen, from the start again at the end, never one in use
 * (`XEN_DOMCTL_createdomain`, xen/common/domctl.c).
 */
export class DomidAllocator {
  #last = 0;

  /** The next free domid; undefined when all are in use. */
  next(isUsed: (domid: number) => boolean): number | undefined {
    for (let tried = 1; tried < DOMID_FIRST_RESERVED; tried += 1) {
      const domid = ((this.#last + tried - 1) % (DOMID_FIRST_RESERVED - 1)) + 1;
      if (isUsed(domid)) continue;
      this.#last = domid;
      return domid;
    }
    return undefined;
  }
}
