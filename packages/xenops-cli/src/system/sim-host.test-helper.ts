/** A SliceHost on an embedded host of its own: `xensimd` in a temporary folder, our command as a process. */
import { watch } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSocketStore, renderPermissions, type XenStore } from '@xenops/core/xenstore';
import { domidOfBuildMark, RECORD_ROOT } from '@xenops/core/xenstore/path';
import { outcomeOf, runProcess, startProcess } from './node-process.ts';
import type { Outcome, SliceHost } from './slice-host.ts';

const packages = fileURLToPath(new URL('../../..', import.meta.url));
const XENOPS = path.join(packages, 'xenops-cli/bin/xenops.cjs');
const XENSIMD = path.join(packages, 'xenops-sim/bin/xensimd.js');

export class SimHost implements SliceHost {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly folder: string;
  readonly upText = 'simulated login:';
  readonly tooMuchMemoryKib = 67_108_864;
  readonly tooLittleMemoryKib = 1024;
  readonly #store: XenStore;
  readonly #stop: () => Promise<unknown>;

  private constructor(folder: string, store: XenStore, stop: () => Promise<unknown>) {
    this.folder = folder;
    this.kernel = path.join(folder, 'guests/linux');
    this.ramdisk = path.join(folder, 'ramdisk');
    this.#store = store;
    this.#stop = stop;
  }

  static async start(): Promise<SimHost> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-slice-'));
    const daemon = startProcess([process.execPath, XENSIMD, '--dir', folder]);
    const ended = outcomeOf(daemon);
    await new Promise<void>((resolve, reject) => {
      daemon.stdout?.once('data', () => resolve());
      ended.then(({ stderr }) => reject(new Error(`xensimd ended: ${stderr}`)), reject);
    });
    const store = await openSocketStore(path.join(folder, 'xenstored/socket'));
    const host = new SimHost(folder, store, async () => {
      daemon.kill('SIGTERM');
      await ended;
    });
    // Larger than the least memory a guest can have, so that "too little memory" is the guest's own fault.
    await host.writeFile(host.ramdisk, 'ramdisk '.repeat(300_000));
    return host;
  }

  async exec(argv: readonly string[]): Promise<Outcome> {
    return runProcess(this.#argv(argv), this.#environment());
  }

  async killDuringBuild(words: readonly string[], signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await using marks = await this.#store.watch(RECORD_ROOT);
    const hanging = [...words, '-cmdline', 'sim.build=hang'];
    const build = startProcess(this.#argv(['xenops', ...hanging]), this.#environment());
    const ended = outcomeOf(build);
    for await (const _event of marks) {
      const names = await this.#store.directory(RECORD_ROOT);
      if (names.some((name) => domidOfBuildMark(name) !== undefined)) break;
    }
    build.kill(signal);
    await ended;
  }

  async waitForConsole(domid: number, text: string): Promise<string> {
    const file = path.join(this.folder, 'console', `${domid}.log`);
    const seen = async (): Promise<string | undefined> => {
      const content = await readFile(file, 'utf8').catch(() => '');
      return content.includes(text) ? content : undefined;
    };
    // The watch is on the folder: the log may not be there yet.
    const changes = watch(path.dirname(file));
    try {
      return await new Promise<string>((resolve, reject) => {
        const look = (): void => {
          seen().then((content) => {
            if (content !== undefined) resolve(content);
          }, reject);
        };
        changes.on('change', look);
        look();
      });
    } finally {
      changes.close();
    }
  }

  async fingerprint(): Promise<string> {
    const { stdout: domains } = await this.exec(['xenops', 'list_domains', '--json']);
    const { stdout: host } = await this.exec(['xenops', 'physinfo']);
    const stable = domains.replaceAll(/"(cpuTimeNs|sharedInfoFrame)":"\d+"/g, '');
    return [await this.#dump('/'), stable, host].join('\n');
  }

  async readNode(node: string): Promise<string> {
    return this.#store.read(node);
  }

  async writeFile(file: string, content: string): Promise<void> {
    await writeFile(file, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    await this.#stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #argv([program, ...words]: readonly string[]): readonly string[] {
    if (program !== 'xenops') throw new Error(`There is no ${program ?? 'command'} here`);
    return [process.execPath, XENOPS, ...words];
  }

  #environment(): Readonly<Record<string, string>> {
    return { XENOPS_CONNECT: `sim:${this.folder}` };
  }

  /** Every node below a path with its value and permissions, as xenstore-ls -fp shows them. */
  async #dump(node: string): Promise<string> {
    const [value, permissions, names] = await Promise.all([
      this.#store.read(node),
      this.#store.getPermissions(node),
      this.#store.directory(node),
    ]);
    const prefix = node === '/' ? '' : node;
    const below = await Promise.all(
      names.toSorted().map((name) => this.#dump(`${prefix}/${name}`)),
    );
    return [`${node} = "${value}" (${renderPermissions(permissions).join(',')})`, ...below].join(
      '\n',
    );
  }
}
