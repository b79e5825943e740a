/** VMs on an embedded host in this process, through the same provider that the daemon has. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock, Host } from '@xenops/core/host';
import { hasCode } from '@xenops/core/errors';
import type { OpenVmOptions, VmProvider, VmService } from '../daemon/vm-service.ts';
import { EventLog } from '../notify/event-log.ts';
import { Notifier } from '../notify/notifier.ts';
import type { TaskArguments, TaskOutcome } from '../rpc/vm-port.ts';
import { openVmProvider } from './provider.ts';

export const UUID = '11111111-2222-3333-4444-555555555555';

/** What of `@xenops/sim` is used here; this package does not depend on it. */
interface Sim {
  createSimHost(options: { readonly clock?: Clock; readonly memoryKib?: number }): Promise<
    Omit<Host, 'uri'> & {
      readonly control: {
        readonly machine: { addBridge(name: string): void; readonly disks: Map<string, unknown> };
      };
    }
  >;
  simulatedKernel(): Buffer;
}
const SIM = '@xenops/sim';

/** A monitor of one VM, and what it told. */
export interface Monitor extends AsyncDisposable {
  readonly vm: VmService;
  /** Messages in order, such as `vm:state:running`. */
  readonly told: readonly string[];
  task(name: string, args?: TaskArguments): Promise<string>;
  /** Resolves when this state has been told of after the call of `reached`. */
  reached(state: string): Promise<void>;
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

  static async open(): Promise<SimBench> {
    const sim = (await import(SIM)) as Sim;
    const folder = await mkdtemp(path.join(os.tmpdir(), 'xenvm-test-'));
    await writeFile(path.join(folder, 'kernel'), sim.simulatedKernel());
    const opened = await sim.createSimHost({ memoryKib: 4_194_304 });
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
  async monitor(lines = ''): Promise<Monitor> {
    const configPath = this.path('vm.cfg');
    const base = `memory=64\nkernel=${this.path('kernel')}\nname=test\n`;
    const startup = /^startup/m.test(lines) ? '' : 'startup=shutdown\n';
    await writeFile(configPath, `${base}${startup}${lines}\n`);
    const provider = await openVmProvider(this.host);
    return openMonitor(provider, configPath);
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }
}

async function openMonitor(provider: VmProvider, configPath: string): Promise<Monitor> {
  const told: string[] = [];
  const events = new EventLog('test');
  const waiting = new Set<{ readonly message: string; readonly resolve: () => void }>();
  const notifier = new Notifier(UUID, events);
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
    ...{ uuid: UUID, configPath, isStrict: true, events, notifier, logger },
    setNotifyTargets: () => undefined,
    requestQuit: () => undefined,
  });
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
    reached: (state) =>
      new Promise((resolve) => void waiting.add({ message: `vm:state:${state}`, resolve })),
    async [Symbol.asyncDispose]() {
      await vm[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}
