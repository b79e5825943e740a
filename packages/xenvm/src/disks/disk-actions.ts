/** What each step of a plan for disks does on the host. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DeviceError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import type { Holding } from './holding.ts';
import { isMissing } from './ledger-file.ts';
import { mapperPath, type DiskAction, type Source } from './plan-disk.ts';
import type { RunTool, ToolCall } from './run-tool.ts';

/** Where things are; tests have folders of their own. */
export interface DiskPlaces {
  /** Ledgers. */
  readonly stateFolder: string;
  /** Keys, on a file system in memory. */
  readonly keyFolder: string;
  /** Mappings show here. */
  readonly mapperFolder: string;
  /** Block devices of the kernel. */
  readonly sysBlockFolder: string;
  /** Processes. */
  readonly procFolder: string;
}

export const DISK_PLACES: DiskPlaces = {
  stateFolder: '/var/lib/xenvm',
  keyFolder: '/run/xenvm/keys',
  mapperFolder: '/dev/mapper',
  sysBlockFolder: '/sys/block',
  procFolder: '/proc',
};

/** Comes with each step. */
export interface DiskCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export class DiskActions {
  readonly #run: RunTool;
  readonly #places: DiskPlaces;
  /** The last one who looks for a free block device: they go one after the other. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(run: RunTool, places: DiskPlaces) {
    this.#run = run;
    this.#places = places;
  }

  /**
   * Performs the action; gives the device of an export. `exported` is that of the same disk's export before; `note` is called before a device is
   * taken, or, where the program chooses it, right after.
   */
  async perform(
    action: DiskAction,
    { exported, note }: Performing,
    call: DiskCall,
  ): Promise<string | undefined> {
    switch (action.kind) {
      case 'run':
      case 'script':
        await this.#run(action.call, call);
        return undefined;
      case 'make-key':
        await makeKey(action.path, action.bytes);
        return undefined;
      case 'make-container':
        await makeSparseFile(action.path, await this.#roomFor(action.image, call));
        return undefined;
      case 'remove':
        await rm(action.path, { force: true });
        return undefined;
      case 'export':
        return action.how === 'tap'
          ? this.#tap(action, note, call)
          : this.#inTurn(() => this.#nbd(action, note, call));
      case 'map':
        await this.#run(mapCall(action, devicePath(action.source, exported)), call);
        return undefined;
    }
  }

  /** Gives it back; what is gone already is fine. */
  async release(holding: Holding, call: DiskCall): Promise<void> {
    switch (holding.kind) {
      case 'file':
        if (holding.life === 'secret') await wipe(holding.path);
        await rm(holding.path, { force: true });
        return;
      case 'export': {
        const { device, how } = holding;
        if (how === 'tap') {
          await this.#run({ program: 'tap-ctl', args: ['destroy', '-d', device] }, call);
        } else if (await this.#isServing(holding)) {
          await this.#run({ program: 'qemu-nbd', args: ['--disconnect', device] }, call);
        }
        return;
      }
      case 'mapping':
        if (!(await exists(path.join(this.#places.mapperFolder, holding.name)))) return;
        await this.#run({ program: 'cryptsetup', args: ['close', holding.name] }, call);
    }
  }

  /** Bytes of a file in which all of a disk can be written anew. */
  async #roomFor(image: string, call: DiskCall): Promise<number> {
    const info = await this.#json(['info', '-U', '--output=json', image], call);
    const size = numberAt(info, 'virtual-size', image);
    const measure = await this.#json(
      ['measure', '--output=json', '-O', 'qcow2', '--size', String(size)],
      call,
    );
    return numberAt(measure, 'fully-allocated', image);
  }

  async #json(args: readonly string[], call: DiskCall): Promise<unknown> {
    return JSON.parse(await this.#run({ program: 'qemu-img', args }, call)) as unknown;
  }

  async #tap(
    { path: image, readOnly, keyFolders }: ExportAction,
    note: Performing['note'],
    call: DiskCall,
  ): Promise<string> {
    const output = await this.#run(
      {
        program: 'tap-ctl',
        args: ['create', ...(readOnly ? ['-R'] : []), '-a', `vhd:${image}`],
        env: {
          TAPDISK2: '/usr/sbin/tapdisk2',
          // A folder: the keys in it are tapdisk's to read.
          TAPDISK2_CRYPTO_KEYDIR: keyFolders.join(','),
        },
      },
      call,
    );
    const device = output.replaceAll('\n', '');
    if (device.startsWith('/dev/')) {
      await note(device);
      return device;
    }
    throw new DeviceError('HOTPLUG_FAILED', {
      message: `tap-ctl gave no device for ${image}: ${JSON.stringify(device.slice(0, 64))}`,
      context: { image },
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#looking.then(work);
    this.#looking = turn.catch(() => undefined);
    return turn;
  }

  /** Another process may take a free device before us: then the next one is tried. */
  async #nbd(
    { path: image, format, readOnly }: ExportAction,
    note: Performing['note'],
    call: DiskCall,
  ): Promise<string> {
    const failures: unknown[] = [];
    for (const device of await this.#freeNbd()) {
      const args = [
        ...[`--connect=${device}`, '--fork', `--format=${format}`, '--discard=unmap'],
        ...(readOnly ? ['--read-only'] : []),
        image,
      ];
      await note(device);
      try {
        await this.#run({ program: 'qemu-nbd', args }, call);
        return device;
      } catch (error) {
        if (call.signal.aborted || failures.length >= NBD_ATTEMPTS_MAX) throw error;
        failures.push(error);
      }
    }
    throw new DeviceError('HOTPLUG_FAILED', {
      message: `No network block device takes ${image}; the module nbd makes them (modprobe nbd)`,
      context: { image },
      cause: new AggregateError(failures),
    });
  }

  /** Whether our server of the image has the device: it may never have got it, or somebody else has it by now. */
  async #isServing({ device, image }: Extract<Holding, { kind: 'export' }>): Promise<boolean> {
    const { sysBlockFolder, procFolder } = this.#places;
    const pid = await readIfThere(path.join(sysBlockFolder, path.basename(device), 'pid'));
    if (pid === undefined) return false;
    const words = await readIfThere(path.join(procFolder, pid.trim(), 'cmdline'));
    return words?.split('\0').includes(image) === true;
  }

  /** A device in use has the process behind it in `pid` (drivers/block/nbd.c). */
  async #freeNbd(): Promise<readonly string[]> {
    const { sysBlockFolder } = this.#places;
    const names = await readdir(sysBlockFolder).catch(() => []);
    const free: string[] = [];
    for (const name of names.filter((each) => /^nbd\d+$/.test(each))) {
      if (!(await exists(path.join(sysBlockFolder, name, 'pid')))) free.push(`/dev/${name}`);
    }
    return free;
  }
}

/** What comes with an action besides itself. */
export interface Performing {
  readonly exported: string | undefined;
  readonly note: (device: string) => Promise<void>;
}

type ExportAction = Extract<DiskAction, { kind: 'export' }>;

/** How many devices are tried that others take before us. */
const NBD_ATTEMPTS_MAX = 3;

/** Plain dm-crypt, which has no header: the key is read from its file by cryptsetup itself. */
function mapCall(
  { name, cipher, keySizeBits, keyPath, readOnly }: Extract<DiskAction, { kind: 'map' }>,
  device: string,
): ToolCall {
  return {
    program: 'cryptsetup',
    args: [
      ...['open', '--type', 'plain', '--batch-mode', '--cipher', cipher],
      ...['--key-size', String(keySizeBits), '--key-file', keyPath],
      ...(readOnly ? ['--readonly'] : []),
      device,
      name,
    ],
  };
}

/** The path of a plan's source. Throws HOTPLUG_FAILED when the export before has no device. */
export function devicePath(source: Source, exported: string | undefined): string {
  switch (source.kind) {
    case 'path':
      return source.path;
    case 'mapping':
      return mapperPath(source.name);
    case 'export':
      if (exported !== undefined) return exported;
      throw new DeviceError('HOTPLUG_FAILED', { message: 'The image has no block device yet' });
  }
}

const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
const NEW_FILE = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;

async function makeKey(file: string, bytes: number): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await using handle = await open(file, NEW_FILE, 0o600);
  await handle.writeFile(randomBytes(bytes));
}

async function makeSparseFile(file: string, sizeBytes: number): Promise<void> {
  await using handle = await open(file, NEW_FILE, 0o600);
  await handle.truncate(sizeBytes);
}

/** Overwrites a small file; on a file system in memory its old bytes are gone then. */
async function wipe(file: string): Promise<void> {
  try {
    const { size } = await stat(file);
    await using handle = await open(file, constants.O_WRONLY | O_NOFOLLOW);
    await handle.writeFile(Buffer.alloc(size));
    await handle.sync();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** Whether there is anything at the path. */
export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function numberAt(value: unknown, key: string, image: string): number {
  const found: unknown =
    typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)[key]
      : undefined;
  if (typeof found === 'number' && Number.isSafeInteger(found) && found > 0) return found;
  throw new DeviceError('HOTPLUG_FAILED', {
    message: `qemu-img does not tell how large ${image} is`,
    context: { image, key },
  });
}
