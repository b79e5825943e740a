/** What the groups of the addon's exports have in common. */

declare const interfaceBrand: unique symbol;

/** A connection to the hypervisor (`xc_interface`). Closed by `closeInterface`, or when it is collected. */
export interface XcInterface {
  readonly [interfaceBrand]: true;
}

/** A long call, which runs on a thread of its own. */
export interface AddonOperation<T> {
  readonly done: Promise<T>;
  /** Ends it before its next stage; no effect once it is done. */
  readonly abort: () => void;
}
