/** The monitors of VMs, seen from here: what xenvm knows of each, and its tasks. */

/** What xenvm tells of a VM. */
export interface MonitorState {
  /** Its state as xenvm publishes it: `running`, `shutdown`, ... */
  readonly status: string;
  /** -1 without a domain. */
  readonly domid: number;
}

/** What happens to a VM, in the order in which xenvm says it. */
export type MonitorEvent =
  | { readonly kind: 'state'; readonly uuid: string; readonly state: MonitorState }
  /** A historical notification, such as `power-state:3` or `rtc:-12`; the parts between its colons. */
  | { readonly kind: 'notice'; readonly uuid: string; readonly parts: readonly string[] }
  /** The monitor no longer answers, and has been started again or will be; what it said stands until it says more. */
  | { readonly kind: 'lost'; readonly uuid: string };

/** What can be said for one task. */
export interface TaskOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** All monitors. One `xenvm serve` has all VMs; it is started when it is not there, and found again after a restart. */
export interface Monitors extends AsyncDisposable {
  /** Finds the VMs that are served already, with the state of each. */
  adopt(): Promise<void>;
  /**
   * Has the VM served with this text as its configuration; when it is served already the text counts from its next
   * boot on. Rejects with ManagerError.
   */
  serve(uuid: string, configText: string): Promise<void>;
  /** The state; undefined for a VM that is not served. */
  state(uuid: string): MonitorState | undefined;
  /** Runs a task and gives its text. Rejects with ManagerError: 101 to 107, 199, 303, or NOT_FOUND when not served. */
  call(
    uuid: string,
    task: string,
    args?: Readonly<Record<string, string>>,
    options?: TaskOptions,
  ): Promise<string>;
  /** Serves the VM no longer; its guest, if any, runs on. One that is not served is fine. */
  release(uuid: string): Promise<void>;
  /** Hears of all VMs from now on. */
  onEvent(listener: (event: MonitorEvent) => void): Disposable;
}
