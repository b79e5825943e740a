/** VMs on an embedded host in this process, through the same provider that the daemon has. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock, Host } from '@xenops/core/host';
import { hasCode } from '@xenops/core/errors';
import { listTree } from '@xenops/core/xenstore';
import type { OpenVmOptions, VmProvider, VmService } from '../daemon/vm-service.ts';
import { EventLog } from '../notify/event-log.ts';
import { Notifier } from '../notify/notifier.ts';
import type { TaskArguments, TaskOutcome } from '../rpc/vm-port.ts';
import type { PciSysfs } from '@xenops/core/pci';
import { openVmProvider } from './provider.ts';

export const UUID = '11111111-2222-3333-4444-555555555555';

/** What of `@xenops/sim` is used here; this package does not depend on it. */
interface Sim {
  createSimHost(options: {
    readonly clock?: Clock;
    readonly memoryKib?: number;
    readonly hasIommu?: boolean;
    readonly pci?: readonly { readonly address: string }[];
    readonly guests?: GuestScripts;
  }): Promise<
    Omit<Host, 'uri'> & {
      readonly control: {
        readonly machine: { addBridge(name: string): void; readonly disks: Map<string, unknown> };
      };
    }
  >;
  simulatedKernel(): Buffer;
}
/** What guests do whose command line names the script. */
export type GuestScripts = Readonly<Record<string, (machine: GuestMachine) => Promise<void>>>;
/** What of a guest's machine is used here. */
export interface GuestMachine {
  runnable(): Promise<void>;
  openStore(): Promise<
    AsyncDisposable & {
      read(path: string): Promise<string>;
      write(path: string, value: string): Promise<void>;
    }
  >;
  sleep(ms: number): Promise<void>;
}
const SIM = '@xenops/sim';
/** Folders that stay empty when the last domain goes. */
const MAY_STAY = /^\/(libxl|vm|xenops|xenops\/vm|local\/domain\/0\/backend(\/(vbd|vif|console))?)$/;

/** A monitor of one VM, and what it told. */
export interface Monitor extends AsyncDisposable {
  readonly vm: VmService;
  /** Messages in order, such as `vm:state:running`. */
  readonly told: readonly string[];
  task(name: string, args?: TaskArguments): Promise<string>;
  /** Resolves when this state has been told of after the call of `reached`. */
  reached(state: string): Promise<void>;
  /** The same for any message. */
  hears(message: string): Promise<void>;
}

export class SimBench implements AsyncDisposable {
  readonly host: Host;
  readonly folder: string;
  readonly #dispose: () => Promise<void>;

  private constructor(host: Host, folder: string, dispose: () => Promise<void>) {
    this.host = host;
    this.folder = folder;
    this.#dispose = dispose;
  }

  /** `pci`: devices of the host, by address, and its kernel's view of them. */
  static async open({
    pci,
    guests,
  }: {
    readonly guests?: GuestScripts;
    readonly pci?: { readonly addresses: readonly string[]; readonly sysfs: PciSysfs };
  } = {}): Promise<SimBench> {
    const sim = (await import(SIM)) as Sim;
    const folder = await mkdtemp(path.join(os.tmpdir(), 'xenvm-test-'));
    await writeFile(path.join(folder, 'kernel'), sim.simulatedKernel());
    const opened = await sim.createSimHost({
      memoryKib: 4_194_304,
      ...(guests === undefined ? {} : { guests }),
      ...(pci === undefined
        ? {}
        : { hasIommu: true, pci: pci.addresses.map((address) => ({ address })) }),
    });
    opened.control.machine.addBridge('xenbr0');
    opened.control.machine.addBridge('xenbr1');
    for (const name of ['a', 'b']) {
      opened.control.machine.disks.set(`/dev/disk-${name}`, {
        kind: 'block',
        major: 8,
        minor: name.charCodeAt(0),
      });
    }
    const host: Host = {
      uri: 'sim:',
      hypervisor: opened.hypervisor,
      store: opened.store,
      services: { ...opened.services, runFolder: folder, stateFolder: folder },
      ...(pci === undefined ? {} : { pci: pci.sysfs }),
      ...(opened.hotplug === undefined ? {} : { hotplug: opened.hotplug }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    return new SimBench(host, folder, async () => {
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  /** Monitors a VM with these lines besides kernel and memory, and does what `startup` says (nothing unless said). */
  async monitor(lines = '', uuid: string = UUID): Promise<Monitor> {
    const configPath = this.path(`${uuid}.cfg`);
    const base = `kernel=${this.path('kernel')}\nname=test-${uuid.slice(0, 8)}\n`;
    const memory = /^memory=/m.test(lines) ? '' : 'memory=64\n';
    const startup = /^startup/m.test(lines) ? '' : 'startup=shutdown\n';
    await writeFile(configPath, `${base}${memory}${startup}${lines}\n`);
    const provider = await openVmProvider(this.host);
    return openMonitor(provider, configPath, uuid);
  }

  /** How many domains there are besides Dom0, and what we keep in xenstore. */
  async leftovers(): Promise<{ readonly domains: number; readonly records: readonly string[] }> {
    const domains = (await this.host.hypervisor.listDomains()).length - 1;
    const records = await this.host.store.directory('/xenops/vm').catch((error: unknown) => {
      if (hasCode(error, 'XENSTORE_NO_ENTRY')) return [];
      throw error;
    });
    return { domains, records };
  }

  /** Everything that an operation could leave behind: nodes of xenstore, domains, memory, files of ours. */
  async fingerprint(): Promise<unknown> {
    const { hypervisor, store } = this.host;
    return {
      nodes: [...(await listTree(store, '/')).keys()].filter((path) => !MAY_STAY.test(path)),
      domains: (await hypervisor.listDomains()).map(({ domid }) => domid),
      freeMemoryKib: (await hypervisor.physInfo()).freeMemoryKib,
      files: await readdir(this.folder),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }
}

async function openMonitor(
  provider: VmProvider,
  configPath: string,
  uuid: string,
): Promise<Monitor> {
  const told: string[] = [];
  const events = new EventLog('test');
  const waiting = new Set<{ readonly message: string; readonly resolve: () => void }>();
  const notifier = new Notifier(uuid, events);
  notifier.setTransports([
    {
      droppedCount: 0,
      flush: () => Promise.resolve(),
      send({ message }) {
        told.push(message);
        for (const entry of waiting) {
          if (entry.message !== message) continue;
          waiting.delete(entry);
          entry.resolve();
        }
      },
    },
  ]);
  const logger: OpenVmOptions['logger'] = { log: () => undefined, child: () => logger };
  const vm = await provider.openVm({
    ...{ uuid, configPath, isStrict: true, events, notifier, logger },
    setNotifyTargets: () => undefined,
    requestQuit: () => undefined,
  });
  const hears = (message: string): Promise<void> =>
    new Promise((resolve) => void waiting.add({ message, resolve }));
  const signal = new AbortController().signal;
  await vm.startUp(signal);
  return {
    vm,
    told,
    async task(name, args = {}) {
      const outcome: TaskOutcome = await vm.runTask(name, args, {
        signal,
        onProgress: () => undefined,
      });
      return outcome.text ?? 'ok';
    },
    reached: (state) => hears(`vm:state:${state}`),
    hears,
    async [Symbol.asyncDispose]() {
      await vm[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}
