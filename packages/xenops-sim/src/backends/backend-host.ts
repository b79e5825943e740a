/**
 * The back-ends of Dom0: every device below `/local/domain/0/backend` gets a driver that follows its front-end. They see
 * xenstore and nothing else, as the kernel's do: what a hotplug script leaves there (`physical-device`, `hotplug-status`) is
 * what they wait for. QEMU's are there while the domain has a device model.
 */
import { hasCode } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import { parseXenbusState, XENBUS, type XenbusState } from '@xenops/core/devices';
import type { Watch, XenStore } from '@xenops/core/xenstore';
import type { BackendTemper } from './backend-temper.ts';
import { backendKeys, KERNEL_KINDS, nextBackendState } from './backend-steps.ts';

export interface BackendHostOptions {
  readonly store: XenStore;
  readonly clock: Clock;
  /** By kind. */
  readonly tempers: Readonly<Record<string, BackendTemper>>;
  /** A kernel's back-end has come up, or gone: where a vif's network link appears and disappears. */
  readonly onPresence?: (device: BackendDevice, isPresent: boolean) => void;
  readonly log: (text: string) => void;
}

/** Which back-end. */
export interface BackendDevice {
  readonly kind: string;
  readonly domid: string;
  readonly devid: string;
}

interface Device extends BackendDevice {
  readonly path: string;
  frontend: string | undefined;
  watch: Watch | undefined;
  /** Something has changed since the device was last looked at. */
  isDirty: boolean;
  working: Promise<void> | undefined;
}

const ROOT = '/local/domain/0/backend';
const DEVICE = /^\/local\/domain\/0\/backend\/(?<kind>[^/]+)\/(?<domid>[0-9]+)\/(?<devid>[0-9]+)/;
const MODEL = /^\/local\/domain\/0\/device-model\/(?<domid>[0-9]+)\//;
/** Errors that mean that the toolstack has taken the device away. */
const GONE = ['XENSTORE_NO_ENTRY', 'XENSTORE_CLOSED', 'ABORTED'] as const;

export class BackendHost implements AsyncDisposable {
  readonly #options: BackendHostOptions;
  readonly #devices = new Map<string, Device>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;

  constructor(options: BackendHostOptions) {
    this.#options = options;
    this.#ended = Promise.all([
      this.#follow(ROOT, (path) => this.#look(path)),
      this.#follow('/local/domain/0/device-model', (path) => this.#lookAtModel(path)),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await Promise.allSettled(
      [...this.#devices.values()].map(async ({ working }) => {
        await working;
      }),
    );
  }

  async #follow(path: string, onChange: (path: string) => void): Promise<void> {
    const { store, log } = this.#options;
    const { signal } = this.#stop;
    try {
      const watch = await store.watch(path, { signal });
      for await (const event of watch) if (event.kind === 'changed') onChange(event.path);
    } catch (error) {
      if (signal.aborted || hasCode(error, 'XENSTORE_CLOSED')) return;
      log(`The simulated back-ends failed: ${String(error)}`);
    }
  }

  #look(path: string): void {
    const { kind, domid, devid } = DEVICE.exec(path)?.groups ?? {};
    if (kind === undefined || domid === undefined || devid === undefined) return;
    const home = `${ROOT}/${kind}/${domid}/${devid}`;
    const device = this.#devices.get(home) ?? {
      kind,
      domid,
      devid,
      path: home,
      frontend: undefined,
      watch: undefined,
      isDirty: false,
      working: undefined,
    };
    this.#devices.set(home, device);
    this.#wake(device);
  }

  #lookAtModel(path: string): void {
    const domid = MODEL.exec(path)?.groups?.['domid'];
    for (const device of this.#devices.values()) if (device.domid === domid) this.#wake(device);
  }

  /** Works on the device until nothing changes any more; once at a time. */
  #wake(device: Device): void {
    device.isDirty = true;
    device.working ??= this.#work(device).finally(() => {
      device.working = undefined;
    });
  }

  async #work(device: Device): Promise<void> {
    try {
      while (device.isDirty && !this.#stop.signal.aborted) {
        device.isDirty = false;
        await this.#step(device);
      }
    } catch (error) {
      if (hasCode(error, ...GONE)) return;
      this.#options.log(`The simulated back-end ${device.path} failed: ${String(error)}`);
    }
  }

  async #step(device: Device): Promise<void> {
    const { store } = this.#options;
    const { kind, path } = device;
    const read = (name: string): Promise<string | undefined> => store.find(`${path}/${name}`);
    const [frontend, own] = await Promise.all([read('frontend'), read('state')]);
    if (frontend === undefined || own === undefined) {
      await this.#forget(device, own);
      return;
    }
    if (!KERNEL_KINDS.has(kind) && !(await this.#hasModel(device))) return;
    if (frontend !== device.frontend) await this.#followFrontend(device, frontend);
    const [others, plug, status] = await Promise.all([
      store.find(`${frontend}/state`),
      read('physical-device'),
      read('hotplug-status'),
    ]);
    const next = nextBackendState({
      kind,
      own: parseXenbusState(own),
      frontend: parseXenbusState(others),
      isPlugged: kind === 'vbd' ? plug !== undefined : kind !== 'vif' || status === 'connected',
    });
    if (next !== undefined) await this.#go(device, own, next);
  }

  async #go(device: Device, from: string, next: XenbusState): Promise<void> {
    const { store, clock, tempers } = this.#options;
    const { kind, path } = device;
    const { delayMs = 0, failure, error = 'the simulated back-end fails' } = tempers[kind] ?? {};
    if (isHung(failure, next)) return;
    if (delayMs > 0) await this.#sleep(clock, delayMs);
    const isRefused = failure === 'fail-connect' && next === XENBUS.connected;
    const state = isRefused ? XENBUS.closing : next;
    // Before the state says so: who waits for the state then looks for the link.
    if (state === XENBUS.initWait) this.#options.onPresence?.(device, true);
    await store.transaction(async (tree) => {
      // The toolstack may have been faster: it decides.
      if ((await tree.find(`${path}/state`)) !== from) return;
      for (const [name, value] of backendKeys(kind, state))
        await tree.write(`${path}/${name}`, value);
      if (isRefused)
        await tree.write(`/local/domain/0/error${path.slice(DOM0_HOME.length)}/error`, error);
      await tree.write(`${path}/state`, String(state));
    });
    if (state === XENBUS.closed) this.#options.onPresence?.(device, false);
  }

  async #sleep(clock: Clock, timeMs: number): Promise<void> {
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const onAbort = (): void => {
        timer[Symbol.dispose]();
        resolve();
      };
      const timer = clock.startTimer(timeMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #hasModel({ domid }: Device): Promise<boolean> {
    const state = `/local/domain/0/device-model/${domid}/state`;
    return (await this.#options.store.find(state)) === 'running';
  }

  async #followFrontend(device: Device, frontend: string): Promise<void> {
    await device.watch?.[Symbol.asyncDispose]();
    const watch = await this.#options.store.watch(`${frontend}/state`, {
      signal: this.#stop.signal,
    });
    Object.assign(device, { frontend, watch });
    const following = async (): Promise<void> => {
      for await (const _event of watch) this.#wake(device);
    };
    following().catch((error: unknown) => {
      if (!hasCode(error, ...GONE)) this.#options.log(`${device.path}: ${String(error)}`);
    });
  }

  async #forget(device: Device, own: string | undefined): Promise<void> {
    if (own !== undefined) return;
    this.#devices.delete(device.path);
    this.#options.onPresence?.(device, false);
    await device.watch?.[Symbol.asyncDispose]();
  }
}

const DOM0_HOME = '/local/domain/0';

function isHung(failure: BackendTemper['failure'], next: XenbusState): boolean {
  if (failure === 'hang-init') return next === XENBUS.initWait;
  if (failure === 'hang-connect') return next === XENBUS.connected;
  return failure === 'hang-close' && (next === XENBUS.closed || next === XENBUS.closing);
}
