/**
 * A host and a store that do as they are told, for what a real one cannot be made to do: every call can fail, or be the last one before the
 * monitor is killed.
 */
import type { Logger } from '@xenops/core/daemon';
import type { DomainEnd } from '@xenops/core/domain';
import type { Clock } from '@xenops/core/host';
import type { PhysCapability } from '@xenops/core/hypervisor';
import { domid, vmUuid, type Domid, type VmUuid } from '@xenops/core/ids';
import { defaultConfig, type VmConfig } from '../config/index.ts';
import { EventLog } from '../notify/event-log.ts';
import type { FoundDomain, VmHost } from './vm-host.ts';
import type { VmRecord, VmStore } from './vm-store.ts';
import { Vm } from './vm.ts';

export const UUID: VmUuid = vmUuid('11111111-2222-3333-4444-555555555555');

/** What happens at a call, counted from 0. */
export type Trouble =
  | { readonly kind: 'none' }
  /** It fails, without having done anything or after it has. */
  | { readonly kind: 'fail'; readonly call: number; readonly isDone: boolean }
  /** The monitor is killed there: the call never comes back, and no later one does anything. */
  | { readonly kind: 'kill'; readonly call: number; readonly isDone: boolean };

interface FakeDomain {
  isPaused: boolean;
  end: DomainEnd | undefined;
  isBuilt: boolean;
  hasDevices: boolean;
  hasRun: boolean;
}

/** The world outside of the monitor: it outlives every monitor. */
export class World {
  readonly domains: Map<Domid, FakeDomain> = new Map<Domid, FakeDomain>();
  readonly records: Map<VmUuid, VmRecord> = new Map<VmUuid, VmRecord>();
  readonly images: Set<string> = new Set<string>();
  /** What the guest has changed on a disk whose changes last for a boot. */
  session: 'none' | 'live' | 'kept' = 'none';
  /** Whether a guest from an image must find it. */
  needsSession = false;
  #next = 1;

  create(): Domid {
    const made = domid(this.#next);
    this.#next += 1;
    this.domains.set(made, {
      isPaused: true,
      end: undefined,
      isBuilt: false,
      hasDevices: false,
      hasRun: false,
    });
    return made;
  }

  get(id: Domid): FakeDomain {
    const found = this.domains.get(id);
    if (found === undefined) throw new Error(`There is no domain ${id}`);
    return found;
  }
}

/** One monitor's way to the world. */
export class FakeSide {
  readonly world: World;
  readonly log: string[] = [];
  #trouble: Trouble;
  #isDead = false;
  #killed: () => void = () => undefined;
  /** Resolves when the monitor has been killed. */
  readonly killed: Promise<void>;

  constructor(world: World, trouble: Trouble = { kind: 'none' }) {
    this.world = world;
    this.#trouble = trouble;
    this.killed = new Promise((resolve) => {
      this.#killed = resolve;
    });
  }

  /** Does it, unless there is trouble here. */
  async act<T>(name: string, deed: () => T): Promise<T> {
    if (this.#isDead) return new Promise<T>(() => undefined);
    const call = this.log.push(name) - 1;
    const trouble = this.#trouble;
    if (trouble.kind === 'none' || trouble.call !== call) return deed();
    if (trouble.isDone) deed();
    if (trouble.kind === 'fail') {
      this.#trouble = { kind: 'none' };
      throw new Error(`${name} fails`);
    }
    this.#isDead = true;
    this.#killed();
    return new Promise<T>(() => undefined);
  }

  get host(): VmHost {
    const { world } = this;
    const at = (name: string, deed: () => void): Promise<void> => this.act(name, deed);
    const find = (): FoundDomain | undefined => {
      const [entry] = world.domains;
      if (entry === undefined) return undefined;
      const [id, { isPaused, end }] = entry;
      return {
        domid: id,
        isPaused,
        memoryKib: 65_536,
        onlineVcpus: 1,
        ...(end === undefined ? {} : { end }),
      };
    };
    const clock: Clock = {
      nowMs: () => 1_000_000,
      startTimer: () => ({ [Symbol.dispose]: () => undefined }),
    };
    const nothing = (): Promise<void> => Promise.resolve();
    const unfollowed = (): Promise<AsyncDisposable> =>
      Promise.resolve({ [Symbol.asyncDispose]: nothing });
    return {
      clock,
      findDomain: () => this.act('find', find),
      freeMemoryKib: () => Promise.resolve(8_388_608),
      capabilities: (): Promise<readonly PhysCapability[]> => Promise.resolve(['hvm', 'pv']),
      createDomain: () => this.act('create', () => world.create()),
      buildDomain: (id) => at('build', () => void (world.get(id).isBuilt = true)),
      restoreDomain: (id, _spec, path) =>
        at('restore', () => {
          if (!world.images.has(path)) throw new Error('There is no image');
          world.get(id).isBuilt = true;
        }),
      attachDevices: (id) => at('attach', () => void (world.get(id).hasDevices = true)),
      startDeviceModel: () => at('model', () => undefined),
      pause: (id) => at('pause', () => void (world.get(id).isPaused = true)),
      unpause: (id) =>
        at('unpause', () => {
          const found = world.get(id);
          if (!found.isBuilt || !found.hasDevices) throw new Error('A half-made guest was started');
          found.isPaused = false;
          found.hasRun = true;
        }),
      requestShutdown: (id, request) =>
        at('request', () => void (world.get(id).end = request === 'halt' ? 'poweroff' : 'reboot')),
      waitForEnd: (id) => this.act('wait', (): DomainEnd => world.get(id).end ?? 'gone'),
      saveDomain: (id, path, { isKept }) => this.#save(id, path, isKept),
      resume: (id) => at('resume', () => void (world.get(id).end = undefined)),
      destroyDomain: (id) => at('destroy', () => void world.domains.delete(id)),
      removeFile: (path) => at('remove', () => void world.images.delete(path)),
      removeDrafts: nothing,
      attachDisk: nothing,
      attachNic: nothing,
      detachDevice: nothing,
      prepareDisks: (_uuid, disks, { isRestored }) =>
        this.act('prepare', () => {
          if (isRestored && world.needsSession && world.session !== 'kept')
            throw new Error('The session fails: it is lost');
          if (world.session === 'none') world.session = 'live';
          return disks;
        }),
      markDisksRunning: () => at('mark', () => void (world.session = 'live')),
      releaseDisks: (_uuid, { isKept }) =>
        at('give back', () => {
          if (world.session === 'live') world.session = isKept ? 'kept' : 'none';
        }),
      moveNic: nothing,
      attachPci: nothing,
      detachPci: nothing,
      requestPower: nothing,
      wake: nothing,
      followNode: unfollowed,
      followPower: unfollowed,
      changeMedium: nothing,
      setMemoryTarget: nothing,
      setOnlineVcpus: nothing,
      sendTrigger: nothing,
      acpiState: () => Promise.resolve(0),
      stubDomid: () => Promise.resolve(undefined),
      vncPort: () => Promise.resolve(undefined),
    };
  }

  /** In the parts that a kill can fall between: the guest is suspended, the image whole, the domain gone. A failure resumes the guest. */
  async #save(id: Domid, path: string, isKept: boolean): Promise<void> {
    const { world } = this;
    try {
      await this.act('suspend', () => void (world.get(id).end = 'suspend'));
      await this.act('image', () => void world.images.add(path));
    } catch (error) {
      world.images.delete(path);
      world.get(id).end = undefined;
      throw error;
    }
    await this.act('release', () => {
      if (isKept) world.get(id).end = undefined;
      else world.domains.delete(id);
    });
  }

  get store(): VmStore {
    const { records } = this.world;
    return {
      load: (uuid) => this.act('load', () => records.get(uuid)),
      save: (uuid, record) =>
        this.act('save', () => void records.set(uuid, structuredClone(record))),
      remove: (uuid) => this.act('forget', () => void records.delete(uuid)),
    };
  }

  /** A VM with its queue. */
  openVm(change: Partial<VmConfig> = {}): { readonly vm: Vm; readonly told: readonly string[] } {
    const told: string[] = [];
    const logger: Logger = { log: () => undefined, child: () => logger };
    const parts = {
      ...{ uuid: UUID, host: this.host, store: this.store, events: new EventLog('test'), logger },
      notifier: {
        notify: (_code: number, parts: readonly string[]) => void told.push(parts.join(':')),
      },
      randomMac: () => '00:16:3e:00:00:01',
      rereadConfig: () => Promise.resolve(undefined),
      configInForce: () => undefined,
    };
    const config = {
      ...defaultConfig({ hasFile: true }),
      memoryKib: 65_536,
      kernelPath: '/k',
      ...change,
    };
    return { vm: new Vm(parts, config), told };
  }
}
