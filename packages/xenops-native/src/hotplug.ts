/** Disks and networks of this host: loop devices by ioctl, links by rtnetlink, scripts as child processes. */
import { spawn } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import path from 'node:path';
import { DeviceError } from '@xenops/core/errors';
import { systemClock } from '@xenops/core/host';
import type {
  DiskStat,
  HotplugServices,
  LoopDevice,
  NetworkLink,
  ScriptCall,
  ScriptResult,
  UsedLoopDevice,
} from '@xenops/core/hotplug';
import { withDeadline } from '@xenops/core/lifetime';
import type { AddonHotplug, LoopHold } from './addon-hotplug.ts';
import { findAddonFailure } from './errno.ts';
import { openAddon } from './load-addon.ts';

const SCRIPT_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Of what a script writes, the end is kept. */
const OUTPUT_MAX = 4096;
const LOOP_NAME = /^loop(\d+)$/;

/** The hotplug of this machine. Throws HYPERVISOR_UNAVAILABLE when the addon is not built. */
export function openHotplug(): HotplugServices {
  return hotplugOf(openAddon());
}

/** The hotplug over these calls. */
export function hotplugOf(addon: AddonHotplug): HotplugServices {
  /** Devices that nobody has kept yet. */
  const holds = new Map<string, LoopHold>();
  return {
    statDisk,
    async attachLoop(filePath, { readOnly }): Promise<LoopDevice> {
      const { hold, ...device } = await attempt(
        `put ${filePath} behind a loop device`,
        async () => addon.startAttachLoop(filePath, readOnly).done,
      );
      holds.set(device.devicePath, hold);
      return device;
    },
    async keepLoop(devicePath) {
      const hold = holds.get(devicePath);
      if (hold === undefined) return;
      await attempt(`keep ${devicePath}`, async () => {
        addon.keepLoop(hold);
        return Promise.resolve();
      });
      holds.delete(devicePath);
    },
    async detachLoop(devicePath) {
      holds.delete(devicePath);
      await attempt(`free ${devicePath}`, async () => addon.startDetachLoop(devicePath).done);
    },
    listLoops,
    listLinks,
    async joinBridge(link, bridge, { mtu } = {}) {
      await attempt(`make ${link} a port of ${bridge}`, async () => {
        await addon.startChangeLink(link, { bridge, mtu, isUp: true }).done;
      });
    },
    async leaveBridge(link) {
      await attempt(`take ${link} out of its bridge`, async () => {
        try {
          await addon.startChangeLink(link, { bridge: '', isUp: false }).done;
        } catch (error) {
          if (!isGone(error)) throw error;
        }
      });
    },
    async renameLink(link, name) {
      await attempt(`rename ${link} to ${name}`, async () => {
        await addon.startChangeLink(link, { isUp: false }).done;
        await addon.startChangeLink(link, { name }).done;
      });
    },
    runScript,
    sendOpenFile(socketFd, text, fileFd) {
      addon.sendOpenFile(socketFd, text, fileFd);
    },
  };
}

async function statDisk(diskPath: string): Promise<DiskStat> {
  try {
    const found = await stat(diskPath);
    if (found.isFile()) return { kind: 'file', sizeBytes: found.size };
    if (!found.isBlockDevice()) return { kind: 'other' };
    // The encoding of glibc's makedev, as node hands st_rdev on.
    const rdev = BigInt(found.rdev);
    const major = Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn));
    const minor = Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn));
    return { kind: 'block', major, minor };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { kind: 'missing' };
    throw error;
  }
}

async function listLoops(): Promise<readonly UsedLoopDevice[]> {
  const names = (await readdir('/sys/block')).filter((name) => LOOP_NAME.test(name));
  const found = await Promise.all(
    names.map(async (name): Promise<UsedLoopDevice | undefined> => {
      try {
        const filePath = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8');
        const [major = 0, minor = 0] = (await readFile(`/sys/block/${name}/dev`, 'utf8'))
          .trim()
          .split(':')
          .map(Number);
        return { devicePath: `/dev/${name}`, major, minor, filePath: filePath.replace(/\n$/, '') };
      } catch (error) {
        // Without a file it has no such node.
        if (isErrno(error, 'ENOENT', 'ENXIO')) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((loop) => loop !== undefined);
}

async function listLinks(): Promise<readonly NetworkLink[]> {
  const names = await readdir('/sys/class/net');
  const found = await Promise.all(
    names.map(async (name): Promise<NetworkLink | undefined> => {
      const folder = `/sys/class/net/${name}`;
      try {
        const [mtu, flags, master] = await Promise.all([
          readFile(`${folder}/mtu`, 'utf8'),
          readFile(`${folder}/flags`, 'utf8'),
          readlink(`${folder}/master`).catch(() => undefined),
        ]);
        return {
          name,
          mtu: Number(mtu),
          isUp: (Number(flags.trim()) & 1) === 1,
          ...(master === undefined ? {} : { bridge: path.basename(master) }),
        };
      } catch (error) {
        // Files that are no links, and links that go meanwhile.
        if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL', 'ENODEV')) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((link) => link !== undefined);
}

/** Runs a script in a process group of its own, which is ended as a whole when its time is over. */
async function runScript(
  { path: script, args, env, timeoutMs }: ScriptCall,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ScriptResult> {
  return withDeadline(
    { what: `${script} ${args.join(' ')}` },
    { timeoutMs, signal, clock: systemClock },
    (stop) =>
      new Promise<ScriptResult>((resolve, reject) => {
        const child = spawn(script, [...args], {
          cwd: '/',
          detached: true,
          env: { PATH: SCRIPT_PATH, ...env },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let output = '';
        const keep = (chunk: Buffer): void => {
          output = `${output}${chunk.toString()}`.slice(-OUTPUT_MAX);
        };
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        child.once('error', (cause) => {
          reject(
            new DeviceError('HOTPLUG_FAILED', {
              message: `The hotplug script ${script} cannot be run: ${cause.message}`,
              context: { script },
              cause,
            }),
          );
        });
        child.once('close', (code) => resolve({ exitStatus: code ?? -1, output }));
        stop.addEventListener('abort', () => {
          if (child.pid !== undefined && child.exitCode === null)
            process.kill(-child.pid, 'SIGKILL');
        });
      }),
  );
}

/** Makes a call of the kernel. Rejects with HOTPLUG_FAILED that says what was being done, unless `isFine`. */
async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = findAddonFailure(error);
    throw new DeviceError('HOTPLUG_FAILED', {
      message: `Cannot ${what}`,
      context: { call: failure?.call, errno: failure?.errno },
      cause: error,
    });
  }
}

/** The link went with its back-end. */
function isGone(error: unknown): boolean {
  return findAddonFailure(error)?.errno === constants.errno.ENODEV;
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
