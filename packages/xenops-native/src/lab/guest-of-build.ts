/**
 * A guest of the lab for the tests of building and saving: a domain with a console and just the nodes that xenconsoled and
 * the guest's kernel need. Used by the files that native.lab.ts runs in Dom0.
 */
import { createReadStream, readdirSync, type ReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOM0, randomVmUuid, type Domid } from '@xenops/core/ids';
import type {
  BuildResult,
  BuildSpec,
  GuestType,
  LongCallOptions,
  RestoreSpec,
} from '@xenops/core/hypervisor';
import {
  applyTreeChange,
  openLocalStore,
  ownedBy,
  valueAppears,
  waitFor,
  type NodeWrite,
  type XenStore,
} from '@xenops/core/xenstore';
import type { NativeHypervisor } from '../native-hypervisor.ts';
import { openHypervisor, type OpenOptions } from '../open-hypervisor.ts';

export const GUEST_FOLDER = '/usr/share/xenlab/guest';
export const KERNEL = { elf: `${GUEST_FOLDER}/vmlinux`, packed: `${GUEST_FOLDER}/vmlinuz` };
export const RAMDISK = '/usr/share/xenlab/guest/initrd.cpio.gz';

/** Where Debian puts the programs of this release of Xen that nobody calls by hand. */
export const XEN_FOLDER: string = join(
  '/usr/lib',
  readdirSync('/usr/lib').find((name) => /^xen-\d/.test(name)) ?? 'xen',
);

/** hvmloader and SeaBIOS, where Debian puts them. */
export function hvmFiles(): { readonly loaderPath: string; readonly firmwarePath: string } {
  return {
    loaderPath: `${XEN_FOLDER}/boot/hvmloader`,
    firmwarePath: '/usr/share/seabios/bios-256k.bin',
  };
}

/** Everything is emulated: a kernel boots in 10 s, and in minutes on a busy machine. */
export const BOOT_TIMEOUT_MS = 400_000;
const SUSPEND_TIMEOUT_MS = 60_000;
/** Over the guest's memory: rings and tables, as libxl has it. */
const LIMIT_SLACK_KIB = 1024;
const POOL_KIB = 4096;

/** Connections that all tests of a file share. */
export interface LabHost extends AsyncDisposable {
  readonly hypervisor: NativeHypervisor;
  readonly store: XenStore;
}

export async function openLabHost(options?: OpenOptions): Promise<LabHost> {
  const hypervisor = openHypervisor(options);
  const store = await openLocalStore();
  return {
    hypervisor,
    store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await hypervisor[Symbol.asyncDispose]();
    },
  };
}

type Rings = Pick<BuildSpec, 'storeEvtchn' | 'storeDomid' | 'consoleEvtchn' | 'consoleDomid'>;
/** A specification without what the helper adds. */
export type Unwired<T> = T extends unknown ? Omit<T, keyof Rings> : never;

export interface MadeGuest {
  readonly domid: Domid;
  readonly rings: Rings;
}

/** An empty domain with its limits and ports. */
export async function makeDomain(
  { hypervisor }: LabHost,
  guestType: GuestType,
  { memoryKib, vcpus = 1 }: { readonly memoryKib: number; readonly vcpus?: number },
): Promise<MadeGuest> {
  const uuid = randomVmUuid();
  const domid = await hypervisor.createDomain({ uuid, guestType, maxVcpus: vcpus });
  hypervisor.setMaxMemory(domid, memoryKib + LIMIT_SLACK_KIB);
  if (guestType !== 'pv') await hypervisor.setPagingPool(domid, POOL_KIB);
  const rings = {
    storeEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    storeDomid: DOM0,
    consoleEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    consoleDomid: DOM0,
  };
  return { domid, rings };
}

/** A running guest and what it prints. */
export class LabGuest {
  readonly domid: Domid;
  readonly #host: LabHost;
  readonly #type: GuestType;
  #console: ReadStream | undefined;
  #built: BuildResult | undefined;
  #output = '';
  #onOutput: (() => void) | undefined;

  private constructor(host: LabHost, type: GuestType, domid: Domid) {
    this.#host = host;
    this.#type = type;
    this.domid = domid;
  }

  /** Builds it and leaves it paused, known to xenstored and xenconsoled. A failure leaves no domain. */
  static async build(
    host: LabHost,
    spec: Unwired<BuildSpec>,
    { vcpus = 1, ...options }: LongCallOptions & { readonly vcpus?: number } = {},
  ): Promise<LabGuest> {
    const memoryKib = spec.maxMemoryKib ?? spec.memoryKib;
    const made = await makeDomain(host, spec.kind, { memoryKib, vcpus });
    return LabGuest.#fill(host, spec.kind, made, () =>
      host.hypervisor.buildDomain(made.domid, { ...spec, ...made.rings }, options),
    );
  }

  /** Restores it and leaves it paused, likewise. */
  static async restore(
    host: LabHost,
    spec: Unwired<RestoreSpec>,
    options?: LongCallOptions,
  ): Promise<LabGuest> {
    const made = await makeDomain(host, spec.guestType, spec);
    return LabGuest.#fill(host, spec.guestType, made, () =>
      host.hypervisor.restoreDomain(made.domid, { ...spec, ...made.rings }, options),
    );
  }

  static async #fill(
    host: LabHost,
    type: GuestType,
    { domid, rings }: MadeGuest,
    fill: () => Promise<BuildResult>,
  ): Promise<LabGuest> {
    const guest = new LabGuest(host, type, domid);
    try {
      guest.#built = await fill();
      await guest.#introduce(guest.#built, rings);
      return guest;
    } catch (error) {
      await guest.destroy();
      throw error;
    }
  }

  get built(): BuildResult {
    if (this.#built === undefined) throw new Error('The guest has not been built');
    return this.#built;
  }

  get output(): string {
    return this.#output;
  }

  unpause(): void {
    this.#host.hypervisor.unpause(this.domid);
  }

  /** Waits until the guest has printed this. */
  async prints(text: string, timeoutMs: number = BOOT_TIMEOUT_MS): Promise<void> {
    const printed = new Promise<void>((resolve) => {
      this.#onOutput = (): void => {
        if (this.#output.includes(text)) resolve();
      };
      this.#onOutput();
    });
    const deadline = AbortSignal.timeout(timeoutMs);
    const late = new Promise<never>((_, reject) => {
      deadline.addEventListener('abort', () => {
        reject(new Error(`The guest has not printed "${text}" but: ${this.#output.slice(-2000)}`));
      });
    });
    await Promise.race([printed, late]);
  }

  /** Types this on its console. */
  async types(text: string): Promise<void> {
    await writeFile(String(this.#console?.path), text);
  }

  /** Forgets what it has printed. */
  forgetOutput(): void {
    this.#output = '';
  }

  /** Asks it to suspend and waits until it has shut down for that. */
  async suspend(signal?: AbortSignal): Promise<void> {
    const { store, hypervisor } = this.#host;
    await store.write(`${this.#path}/control/shutdown`, 'suspend');
    await waitFor(
      store,
      {
        what: `domain ${this.domid} to suspend`,
        paths: ['@releaseDomain'],
        look: () => {
          const info = hypervisor.findDomain(this.domid);
          return Promise.resolve(info?.shutdownReason === 'suspend' ? info : undefined);
        },
      },
      { timeoutMs: SUSPEND_TIMEOUT_MS, signal },
    );
  }

  /** Lets it run on here after a suspend. */
  async resume(): Promise<void> {
    await this.#host.hypervisor.resume(this.domid, { cooperative: true });
    await this.#host.store.resume(this.domid);
  }

  async destroy(): Promise<void> {
    const { store, hypervisor } = this.#host;
    this.#console?.destroy();
    await hypervisor.destroy(this.domid);
    if (await store.isIntroduced(this.domid)) await store.release(this.domid);
    await store.rm(this.#path);
  }

  get #path(): string {
    return `/local/domain/${this.domid}`;
  }

  async #introduce(built: BuildResult, rings: Rings): Promise<void> {
    const { store } = this.#host;
    const { domid } = this;
    const path = this.#path;
    const write: readonly NodeWrite[] = [
      { path, permissions: ownedBy(DOM0, domid) },
      { path: `${path}/domid`, value: String(domid) },
      { path: `${path}/name`, value: `build-${domid}` },
      { path: `${path}/store/port`, value: String(rings.storeEvtchn) },
      { path: `${path}/store/ring-ref`, value: String(built.storeFrame) },
      { path: `${path}/control/shutdown`, value: '', permissions: ownedBy(domid) },
      { path: `${path}/device`, permissions: ownedBy(domid) },
      { path: `${path}/data`, permissions: ownedBy(domid) },
      ...(this.#type === 'hvm' ? [{ path: `${path}/hvmloader/bios`, value: 'seabios' }] : []),
      { path: `${path}/console/type`, value: 'xenconsoled' },
      { path: `${path}/console/output`, value: 'pty' },
      { path: `${path}/console/limit`, value: '1048576' },
      { path: `${path}/console/port`, value: String(rings.consoleEvtchn) },
      { path: `${path}/console/ring-ref`, value: String(built.consoleFrame) },
    ];
    await store.transaction((tree) => applyTreeChange(tree, { rm: [], write }));
    await store.introduce(domid, built.storeFrame, rings.storeEvtchn);
    await this.#openConsole();
  }

  async #openConsole(): Promise<void> {
    const condition = valueAppears(`${this.#path}/console/tty`);
    const tty = await waitFor(this.#host.store, condition, { timeoutMs: SUSPEND_TIMEOUT_MS });
    this.#console = createReadStream(tty, { encoding: 'latin1' });
    this.#console.on('error', () => undefined);
    this.#console.on('data', (text) => {
      this.#output += String(text);
      this.#onOutput?.();
    });
  }
}
