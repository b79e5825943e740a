// A snapshot: a host that has booted and whose Xen tools answer, frozen as three files that no lab changes.
//
//   ram         the machine's memory, a sparse file that labs map copy-on-write (and so share in the page cache)
//   state       the processors and devices, under a megabyte
//   disk.qcow2  what the first boot wrote, over the image's disk.img
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { cacheKey } from './cache-key.ts';
import { Emulator, SERIAL_LOG } from './emulator.ts';
import { abortedError, LabError, TimeoutError } from './errors.ts';
import { followFile } from './follow-file.ts';
import type { Image } from './image.ts';
import { holdLock } from './lock.ts';
import { lastLines, runProgram } from './process.ts';
import type { Progress } from './progress.ts';
import { qemuCommand } from './qemu-command.ts';
import type { MachineShape } from './qemu-command.ts';

/** A cold boot under emulation takes about 40 s on an idle machine, minutes on a busy one. */
const BOOT_TIMEOUT_MS = 600_000;

export interface Snapshot {
  readonly ramFile: string;
  readonly stateFile: string;
  readonly diskFile: string;
}

/** The snapshot of an image for a shape of machine, from the cache or made now, which takes a cold boot. */
export async function ensureSnapshot(
  image: Image,
  shape: MachineShape,
  { progress, signal }: { readonly progress: Progress; readonly signal?: AbortSignal | undefined },
): Promise<Snapshot> {
  const snapshots = path.join(image.folder, 'snapshots');
  const key = snapshotKey(shape);
  const folder = path.join(snapshots, key);
  if (!existsSync(folder)) {
    mkdirSync(snapshots, { recursive: true });
    await using _lock = await holdLock(path.join(snapshots, `${key}.lock`), { signal });
    if (!existsSync(folder)) {
      progress.stage(`Booting ${image.release.name} for a snapshot (about a minute)`);
      await make(image, shape, { folder, signal });
      progress.end();
    }
  }
  return snapshotFiles(folder);
}

function snapshotFiles(folder: string): Snapshot {
  return {
    ramFile: path.join(folder, 'ram'),
    stateFile: path.join(folder, 'state'),
    diskFile: path.join(folder, 'disk.qcow2'),
  };
}

/** A state only loads into the same emulator with the same options. */
function snapshotKey(shape: MachineShape): string {
  const command = qemuCommand({
    ...shape,
    ...snapshotFiles(''),
    serialFile: '',
    qmpSocket: '',
    mode: 'boot',
  });
  return cacheKey({ emulator: identifyEmulator(), command });
}

/** Which QEMU is installed, without the tenth of a second that running it for its version takes. */
function identifyEmulator(): string {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const file = statSync(path.join(folder, 'qemu-system-x86_64'), { throwIfNoEntry: false });
    if (file !== undefined) return `${String(file.size)}-${String(file.mtimeMs)}`;
  }
  throw new LabError('LAB_HOST_UNSUITABLE', { message: 'This machine has no qemu-system-x86_64' });
}

async function make(
  image: Image,
  shape: MachineShape,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  const files = snapshotFiles(unfinished);
  // The path of the backing file is relative to the overlay, so an image may be moved as a whole.
  await runProgram(
    [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      '../../disk.img',
      '-F',
      'raw',
      files.diskFile,
    ],
    { doing: "making the snapshot's disk", timeoutMs: 60_000 },
  );
  const emulator = new Emulator({
    ...shape,
    ...files,
    imageFolder: image.folder,
    folder: unfinished,
    mode: 'boot',
    owned: true,
  });
  try {
    await emulator.connect();
    await waitUntilReady(path.join(unfinished, SERIAL_LOG), { ended: emulator.ended, signal });
    await emulator.save(files.stateFile);
  } finally {
    await emulator.kill();
  }
  chmodSync(files.diskFile, 0o444);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
}

/** Waits for the line of xenlab-ready.service on the console. */
async function waitUntilReady(
  serialLog: string,
  { ended, signal }: { readonly ended: Promise<unknown>; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const deadline = AbortSignal.timeout(BOOT_TIMEOUT_MS);
  const gone = new AbortController();
  ended.then(
    () => {
      gone.abort();
    },
    () => undefined,
  );
  const stop = AbortSignal.any([deadline, gone.signal, ...(signal === undefined ? [] : [signal])]);
  let text = '';
  for await (const chunk of followFile(serialLog, { signal: stop })) {
    text += chunk;
    if (text.includes('XENLAB-READY')) return;
    if (text.includes('XENLAB-FAILED')) break;
  }
  if (signal?.aborted === true) throw abortedError('the boot of a lab', signal);
  const message = `The lab did not come up; the end of its console:\n${lastLines(text)}`;
  if (deadline.aborted)
    throw new TimeoutError({ message, context: { timeoutMs: BOOT_TIMEOUT_MS } });
  throw new LabError('LAB_LOST', { message });
}
