/**
 * All monitors: one process serves all VMs, each on a socket of its own. It is started when nobody answers, lives on
 * when we end, and is found again; when it dies it is started again and given its VMs back.
 */
import path from 'node:path';
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { vmUuid } from '@xenops/core/ids';
import { nodeHostServices } from '@xenops/core/host';
import { ManagerError } from '../manager/manager-error.ts';
import { ControlLink } from './control-link.ts';
import { ANSWER_TIMEOUT_MS, SERVE_TIMEOUT_MS, type MonitorsOptions } from './monitor-options.ts';
import type { MonitorEvent, Monitors, MonitorState, TaskOptions } from './monitors.ts';
import { VmLink } from './vm-link.ts';

/** VMs that can be served; the database holds fewer. */
const VMS_MAX = 10_000;
const CONFIG_NAME = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.conf$/;

/** Opens them; nothing is started yet. Disposing closes the connections and leaves VMs and monitor alone. */
export function openMonitors(options: MonitorsOptions): Monitors {
  return new ServedMonitors(options);
}

class ServedMonitors implements Monitors {
  readonly #options: MonitorsOptions;
  readonly #control: ControlLink;
  readonly #links = new Map<string, VmLink>();
  readonly #listeners = new Set<(event: MonitorEvent) => void>();
  /** The last change of each VM's being served, so that the next one follows it. */
  readonly #changes = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #releasing = new Set<string>();
  #isAdopting = false;

  constructor(options: MonitorsOptions) {
    this.#options = options;
    this.#control = new ControlLink(options);
    this.#control.onChange(() => this.#adoptOthers());
    // One for each VM that is being added.
    setMaxListeners(0, this.#stop.signal);
  }

  async adopt(): Promise<void> {
    await this.#control.ensure();
    const written = await this.#written();
    const found = new Set([...this.#control.served, ...written]);
    const links = [...found].slice(0, VMS_MAX).map((uuid) => ({ uuid, link: this.#link(uuid) }));
    this.#isAdopting = true;
    await Promise.all(
      links.map(async ({ uuid, link }) => {
        try {
          await link.connected({ timeoutMs: ANSWER_TIMEOUT_MS });
        } catch (error) {
          const log = this.#options.log.child({ vm: uuid });
          log.log('error', 'The VM is not served yet; it is tried on', error);
        }
      }),
    );
  }

  async serve(uuid: string, configText: string): Promise<void> {
    const checked = vmUuid(uuid);
    await this.#exclusively(checked, async () => {
      await mkdir(this.#options.configFolder, { recursive: true, mode: 0o700 });
      const config = this.#configPath(checked);
      await nodeHostServices.writePrivateFile(config, configText);
      await this.#control.ensure();
      const link = this.#links.get(checked);
      if (link === undefined && !this.#control.served.has(checked)) {
        if (this.#links.size >= VMS_MAX) throw tooMany();
        await this.#control.add(checked, config, this.#stop.signal);
        await this.#link(checked).connected({ timeoutMs: SERVE_TIMEOUT_MS });
        return;
      }
      await this.#link(checked).connected({ timeoutMs: SERVE_TIMEOUT_MS });
      await this.call(checked, 'read-config', { path: config });
    });
  }

  state(uuid: string): MonitorState | undefined {
    return this.#links.get(uuid)?.state;
  }

  async call(
    uuid: string,
    task: string,
    args: Readonly<Record<string, string>> = {},
    { timeoutMs = ANSWER_TIMEOUT_MS, signal }: TaskOptions = {},
  ): Promise<string> {
    const link = this.#links.get(uuid);
    if (link === undefined) {
      throw new ManagerError('NOT_FOUND', {
        message: `No monitor serves the VM ${uuid}`,
        context: { uuid, task },
      });
    }
    const connection = await link.connected({ timeoutMs, signal });
    const answer = await connection.call(task, args, { timeoutMs, signal });
    return typeof answer === 'string' ? answer : '';
  }

  async release(uuid: string): Promise<void> {
    await this.#exclusively(uuid, async () => {
      const link = this.#links.get(uuid);
      if (link === undefined) return;
      this.#releasing.add(uuid);
      this.#links.delete(uuid);
      try {
        await link.close();
        // First, so that no manager to come takes it up again.
        await nodeHostServices.removeFile(this.#configPath(vmUuid(uuid)));
        await this.#control.remove(uuid);
      } finally {
        this.#releasing.delete(uuid);
      }
    });
  }

  onEvent(listener: (event: MonitorEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('The monitors were closed'));
    this.#control[Symbol.dispose]();
    await Promise.all([...this.#links.values()].map(async (link) => link.close()));
    this.#links.clear();
    await Promise.allSettled(this.#changes.values());
  }

  /** VMs that somebody else has served, or that a monitor which was started again takes up late. */
  #adoptOthers(): void {
    if (!this.#isAdopting) return;
    for (const uuid of this.#control.served) {
      if (!this.#releasing.has(uuid) && this.#links.size < VMS_MAX) this.#link(uuid);
    }
  }

  /** VMs that an earlier manager had served since the host has booted. */
  async #written(): Promise<readonly string[]> {
    const names = await nodeHostServices.listFolder(this.#options.configFolder);
    return names.flatMap((name) => CONFIG_NAME.exec(name)?.[1] ?? []);
  }

  #link(uuid: string): VmLink {
    const there = this.#links.get(uuid);
    if (there !== undefined) return there;
    const emit = (event: MonitorEvent): void => this.#emit(event);
    const configPath = this.#configPath(uuid);
    const control = this.#control;
    const link = new VmLink({ ...this.#options, uuid, configPath, control, emit });
    this.#links.set(uuid, link);
    return link;
  }

  #configPath(uuid: string): string {
    return path.join(this.#options.configFolder, `${uuid}.conf`);
  }

  #emit(event: MonitorEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.log('error', 'An event of a VM met a fault', error);
      }
    }
  }

  async #exclusively(uuid: string, act: () => Promise<void>): Promise<void> {
    const before = this.#changes.get(uuid) ?? Promise.resolve();
    const mine = before.then(act, act);
    const quiet = mine.catch(() => undefined);
    this.#changes.set(uuid, quiet);
    try {
      await mine;
    } finally {
      if (this.#changes.get(uuid) === quiet) this.#changes.delete(uuid);
    }
  }
}

function tooMany(): ManagerError {
  return new ManagerError('TOO_MANY_VMS', { message: `At most ${VMS_MAX} VMs can be served` });
}
