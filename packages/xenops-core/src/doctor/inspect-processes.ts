/** Device models that run: those on record, and every qemu that was started for a domain of Xen. */
import type { Host } from '../host/host.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import { findDomid, type Domid } from '../ids.ts';
import { ownRecordPath } from '../xenstore/path.ts';

const PROC = '/proc';

interface RunningModel {
  readonly domid: Domid;
  readonly process: ProcessIdentity;
}

/** All of them, each once. */
export async function listDeviceModels(
  host: Host,
  recorded: readonly Domid[],
): Promise<readonly RunningModel[]> {
  const [fromRecords, fromProc] = await Promise.all([
    Promise.all(recorded.map((domid) => recordedModel(host, domid))),
    runningModels(host),
  ]);
  const models = [...fromRecords, ...fromProc].flatMap((model) => model ?? []);
  return [...new Map(models.map((model) => [model.process.pid, model])).values()];
}

async function recordedModel(host: Host, domid: Domid): Promise<RunningModel | undefined> {
  const text = await host.store.find(ownRecordPath(domid, 'device-model'));
  const [, pid, startTicks] = /^(\d+) (\d+)$/.exec(text ?? '') ?? [];
  if (pid === undefined || startTicks === undefined) return undefined;
  const process = { pid: Number(pid), startTicks };
  return (await host.services.isAlive(process)) ? { domid, process } : undefined;
}

async function runningModels({ uri, services }: Host): Promise<readonly RunningModel[]> {
  // The processes of this machine serve the domains of this machine, not those of a simulated host.
  if (uri !== 'xen:') return [];
  const pids = (await services.listFolder(PROC)).filter((name) => /^\d{1,10}$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const domid = modelDomid((await services.readText(`${PROC}/${pid}/cmdline`)) ?? '');
      if (domid === undefined) return undefined;
      const startTicks = parseStartTicks((await services.readText(`${PROC}/${pid}/stat`)) ?? '');
      if (startTicks === undefined) return undefined;
      return { domid, process: { pid: Number(pid), startTicks } };
    }),
  );
  return found.flatMap((model) => model ?? []);
}

/** Whose device model has this command line (words ended by NUL); undefined when it is none. */
export function modelDomid(cmdline: string): Domid | undefined {
  const words = cmdline.split('\0');
  if (!/(^|\/)(xen-)?qemu-system-[\w-]+$/.test(words[0] ?? '')) return undefined;
  const index = words.indexOf('-xen-domid');
  return index < 0 ? undefined : findDomid(words[index + 1] ?? '');
}

/** Field 22 of `/proc/PID/stat`; undefined for a process that has ended (state Z or X). */
export function parseStartTicks(stat: string): string | undefined {
  // The second field is the command in parentheses and may contain anything; the third is the state.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[18];
}
