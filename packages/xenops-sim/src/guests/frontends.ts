/** The front-ends of a guest: each device below `device/` gets a driver that follows its back-end. */
import { parseXenbusState, XENBUS } from '@xenops/core/devices';
import { hasCode } from '@xenops/core/errors';
import type { Watch } from '@xenops/core/xenstore';
import { nextFrontendStep } from './frontend-steps.ts';
import type { GuestLife } from './shutdown-control.ts';

const DEVICE = /^device\/(?<kind>[^/]+)\/(?<devid>[0-9]+)(?:\/|$)/;
/** Errors that mean that the device is going away, or is not ours yet. */
const LEAVING = ['XENSTORE_NO_ENTRY', 'XENSTORE_ACCESS', 'XENSTORE_INVALID'] as const;

/** One device, and the watch on its back-end's state. */
interface Device {
  readonly kind: string;
  readonly path: string;
  backend: string | undefined;
  watch: Watch | undefined;
  following: Promise<void>;
}

export class Frontends {
  readonly #life: GuestLife;
  readonly #devices = new Map<string, Device>();
  /** Steps run one after another: two events about one device must not both act. */
  #steps: Promise<void> = Promise.resolve();

  constructor(life: GuestLife) {
    this.#life = life;
  }

  /** Serves the devices that there are and that come, until the guest's life is over. */
  async run(): Promise<void> {
    const { store, signal, temper, machine } = this.#life;
    if (temper.connect === 'none') return;
    const watch = await store.watch('device', { signal });
    try {
      for await (const event of watch) {
        await machine.runnable();
        if (event.kind === 'changed') await this.#look(event.path);
        await this.#lookForNew();
      }
    } finally {
      await Promise.allSettled([...this.#devices.values()].map(({ following }) => following));
    }
  }

  /** After a resume somewhere else: both ends begin anew. */
  async reconnect(): Promise<void> {
    const { store } = this.#life;
    for (const { path } of this.#devices.values()) {
      await ignoreLeaving(() => store.write(`${path}/state`, String(XENBUS.initialising)));
    }
  }

  async #lookForNew(): Promise<void> {
    const { store } = this.#life;
    for (const kind of await childrenOf(store, 'device')) {
      for (const devid of await childrenOf(store, `device/${kind}`)) {
        const path = `device/${kind}/${devid}`;
        if (!this.#devices.has(path)) await this.#look(path);
      }
    }
  }

  async #look(path: string): Promise<void> {
    const { kind, devid } = DEVICE.exec(path)?.groups ?? {};
    if (kind === undefined || devid === undefined) return;
    const home = `device/${kind}/${devid}`;
    const device = this.#devices.get(home) ?? {
      kind,
      path: home,
      backend: undefined,
      watch: undefined,
      following: Promise.resolve(),
    };
    this.#devices.set(home, device);
    await this.#step(device);
  }

  async #step(device: Device): Promise<void> {
    this.#steps = this.#steps.then(() => ignoreLeaving(() => this.#stepNow(device)));
    await this.#steps;
  }

  async #stepNow(device: Device): Promise<void> {
    const { store, temper, machine } = this.#life;
    await machine.runnable();
    const backend = await store.find(`${device.path}/backend`);
    if (backend === undefined) {
      this.#devices.delete(device.path);
      await device.watch?.[Symbol.asyncDispose]();
      return;
    }
    if (backend !== device.backend) await this.#follow(device, backend);
    const [own, others] = await Promise.all([
      store.find(`${device.path}/state`),
      store.find(`${backend}/state`),
    ]);
    const step = nextFrontendStep({
      kind: device.kind,
      own: parseXenbusState(own),
      backend: parseXenbusState(others),
    });
    if (step.kind === 'none') return;
    if (step.state === XENBUS.closed && temper.unplug === 'ignore') return;
    if (step.kind === 'offer') await this.#offer(device);
    if (temper.connect === 'stall' && step.state !== XENBUS.closed) return;
    await store.write(`${device.path}/state`, String(step.state));
  }

  /** Writes where the rings are: pages and ports that the back-end's domain may really use. */
  async #offer({ kind, path }: Device): Promise<void> {
    const { store, machine } = this.#life;
    const backendId = Number((await store.find(`${path}/backend-id`)) ?? '0');
    const port = String(machine.rings.allocPort(backendId));
    const grant = (): string => String(machine.rings.grantPages(backendId, 1).refs[0] ?? 0);
    const nodes: readonly (readonly [string, string])[] =
      kind === 'vif'
        ? [
            ['tx-ring-ref', grant()],
            ['rx-ring-ref', grant()],
            ['event-channel', port],
            ['request-rx-copy', '1'],
          ]
        : [
            [kind === 'vkbd' || kind === 'vfb' ? 'page-gref' : 'ring-ref', grant()],
            [kind === 'console' ? 'port' : 'event-channel', port],
          ];
    for (const [name, value] of nodes) await store.write(`${path}/${name}`, value);
  }

  async #follow(device: Device, backend: string): Promise<void> {
    const { store, signal } = this.#life;
    await device.watch?.[Symbol.asyncDispose]();
    const watch = await store.watch(`${backend}/state`, { signal });
    Object.assign(device, { backend, watch });
    device.following = (async () => {
      for await (const _event of watch) await this.#step(device);
    })().catch((error: unknown) => {
      if (!hasCode(error, 'ABORTED', 'XENSTORE_CLOSED')) throw error;
    });
  }
}

async function childrenOf(store: GuestLife['store'], path: string): Promise<readonly string[]> {
  try {
    return await store.directory(path);
  } catch (error) {
    if (hasCode(error, ...LEAVING)) return [];
    throw error;
  }
}

async function ignoreLeaving(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!hasCode(error, ...LEAVING)) throw error;
  }
}
