/** Hotplug on the data of a simulated machine. Scripts are functions, by path. */
import { stat } from 'node:fs/promises';
import { DeviceError } from '@xenops/core/errors';
import type {
  DiskStat,
  HotplugServices,
  NetworkLink,
  ScriptCall,
  ScriptResult,
} from '@xenops/core/hotplug';
import type { SimMachine } from './sim-machine.ts';

/** What a script does; it has the rest of the host in its closure. */
export type SimScript = (
  call: ScriptCall,
  signal: AbortSignal | undefined,
) => Promise<ScriptResult>;

const LOOP_MAJOR = 7;
const NO_SCRIPT: ScriptResult = { exitStatus: 127, output: 'no such script' };

/** The services of that machine. */
export function simHotplug(
  machine: SimMachine,
  scripts: Readonly<Record<string, SimScript>>,
): HotplugServices {
  return {
    statDisk: async (path) => machine.disks.get(path) ?? statReal(path),
    ...loopVerbs(machine),
    ...linkVerbs(machine),
    runScript: async (call, { signal } = {}) => {
      const script = scripts[call.path];
      return script === undefined ? NO_SCRIPT : script(call, signal);
    },
  };
}

type LoopVerbs = Pick<HotplugServices, 'attachLoop' | 'keepLoop' | 'detachLoop' | 'listLoops'>;

function loopVerbs({ loops }: SimMachine): LoopVerbs {
  return {
    async attachLoop(filePath, { readOnly }) {
      let number = 0;
      while (loops.has(number)) number += 1;
      loops.set(number, { number, filePath, isReadOnly: readOnly, isKept: false });
      return loopDevice(number);
    },
    async keepLoop(devicePath) {
      const loop = loops.get(numberOf(devicePath));
      if (loop === undefined) throw hotplugFailure(`${devicePath} is not in use`);
      loop.isKept = true;
    },
    async detachLoop(devicePath) {
      loops.delete(numberOf(devicePath));
    },
    listLoops: async () =>
      [...loops.values()].map(({ number, filePath }) => ({ ...loopDevice(number), filePath })),
  };
}

type LinkVerbs = Pick<HotplugServices, 'listLinks' | 'joinBridge' | 'leaveBridge' | 'renameLink'>;

function linkVerbs({ links }: SimMachine): LinkVerbs {
  const get = (name: string): NetworkLink => {
    const link = links.get(name);
    if (link === undefined) throw hotplugFailure(`There is no network link ${name}`);
    return link;
  };
  return {
    listLinks: async () => [...links.values()],
    async joinBridge(name, bridge, { mtu } = {}) {
      const [link] = [get(name), get(bridge)];
      links.set(name, { ...link, mtu: mtu ?? link.mtu, isUp: true, bridge });
    },
    async leaveBridge(name) {
      const link = links.get(name);
      if (link === undefined) return;
      const { mtu } = link;
      links.set(name, { name, mtu, isUp: false });
    },
    async renameLink(name, newName) {
      if (links.has(newName)) throw hotplugFailure(`There is a network link ${newName} already`);
      const link = get(name);
      links.delete(name);
      links.set(newName, { ...link, name: newName });
    },
  };
}

const numberOf = (devicePath: string): number => Number(devicePath.replace('/dev/loop', ''));

function loopDevice(minor: number): {
  readonly devicePath: string;
  readonly major: number;
  readonly minor: number;
} {
  return { devicePath: `/dev/loop${minor}`, major: LOOP_MAJOR, minor };
}

async function statReal(path: string): Promise<DiskStat> {
  try {
    const found = await stat(path);
    return found.isFile() ? { kind: 'file', sizeBytes: found.size } : { kind: 'other' };
  } catch {
    return { kind: 'missing' };
  }
}

function hotplugFailure(message: string): DeviceError {
  return new DeviceError('HOTPLUG_FAILED', { message });
}
