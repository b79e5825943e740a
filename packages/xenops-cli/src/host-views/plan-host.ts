/**
 * A host on which nothing happens: it answers questions from the real one and writes down everything else. What changes something is known by
 * what does not: a verb that is not listed here as a question is never passed on.
 */
import type { Host } from '@xenops/core/host';
import type { DomainInfo, Hypervisor } from '@xenops/core/hypervisor';
import { domid, DOMID_FIRST_RESERVED, evtchn, type Domid } from '@xenops/core/ids';
import { findPciSysfs } from '@xenops/core/pci';
import { PlanRecorder } from './plan-recorder.ts';
import { plainArguments, type PlanStep } from './plan-step.ts';
import { PlanStore } from './plan-store.ts';
import { viewOf } from './view-of.ts';

const QUESTIONS: ReadonlySet<string> = new Set<Exclude<keyof Hypervisor, symbol>>([
  'version',
  'physInfo',
  'pcpuInfo',
  'consoleRing',
  'hvmParam',
  'tscInfo',
  'pagingPoolKib',
  'podInfo',
  'highestGuestFrame',
  'vcpuInfo',
  'vcpuAffinity',
  'nodeAffinity',
  'isPciAssignable',
  'pciGroup',
  'cpuTopology',
  'numaNodes',
  'scheduler',
  'schedulerShare',
  'cpupools',
  'flaskEnforcing',
  'flaskSid',
  'flaskLabel',
]);
const SERVICE_QUESTIONS: ReadonlySet<string> = new Set<string>([
  'exitStatusOf',
  'findUser',
  'readLog',
  'ownProcess',
  'readText',
  'readBytes',
  'listFolder',
]);
const HOTPLUG_QUESTIONS: ReadonlySet<string> = new Set(['statDisk', 'listLoops', 'listLinks']);
const PCI_QUESTIONS: ReadonlySet<string> = new Set(['list', 'read', 'readLink']);

/** Stands for a domid that Xen would choose: the last there can be. */
const NEW_DOMID: Domid = domid(DOMID_FIRST_RESERVED - 1);

/** A host and the plan of what was done on it. */
export interface PlanHost {
  readonly host: Host;
  /** The steps; where Xen would choose a domid, `NEW`. */
  readonly steps: () => readonly PlanStep[];
  readonly recorder: PlanRecorder;
}

/** The view. The real host stays the caller's. */
export function planHost(real: Host): PlanHost {
  const recorder = new PlanRecorder();
  // Also where the host leaves it to be found, for what finds it writes to it.
  const pci = findPciSysfs(real);
  const host: Host = {
    uri: real.uri,
    hypervisor: planHypervisor(real.hypervisor, recorder),
    store: new PlanStore(real.store, recorder),
    services: viewOf(real.services, (verb, args, call) => {
      if (SERVICE_QUESTIONS.has(verb)) return recorder.ask(() => call(...args));
      return planService(verb, args, recorder);
    }),
    ...(real.hotplug === undefined
      ? {}
      : {
          hotplug: viewOf(real.hotplug, (verb, args, call) => {
            if (HOTPLUG_QUESTIONS.has(verb)) return recorder.ask(() => call(...args));
            recorder.add({ kind: 'hotplug', verb, args: plainArguments(args) });
            return Promise.resolve(HOTPLUG_RESULTS[verb]);
          }),
        }),
    ...(pci === undefined
      ? {}
      : {
          pci: viewOf(pci, (verb, args, call) => {
            if (PCI_QUESTIONS.has(verb)) return recorder.ask(() => call(...args));
            recorder.add({ kind: 'machine', verb, args: plainArguments(args) });
            return Promise.resolve();
          }),
        }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { host, recorder, steps: () => withNewDomid(recorder.steps) };
}

function planHypervisor(real: Hypervisor, recorder: PlanRecorder): Hypervisor {
  const destroyed = new Set<Domid>();
  const isThere = (info: DomainInfo | undefined): boolean =>
    info !== undefined && !destroyed.has(info.domid);
  return viewOf(real, (verb, args, call) => {
    if (QUESTIONS.has(verb)) return recorder.ask(() => call(...args));
    if (verb === 'listDomains')
      return recorder.ask(async () => (await real.listDomains()).filter(isThere));
    const [first] = args;
    if (verb === 'findDomain') {
      return recorder.ask(async () => {
        const info = await real.findDomain(first as Domid);
        return isThere(info) ? info : undefined;
      });
    }
    recorder.add({ kind: 'hypercall', verb, args: plainArguments(args) });
    if (verb === 'destroy') destroyed.add(first as Domid);
    if (verb === 'createDomain') return Promise.resolve(created(first, destroyed));
    return Promise.resolve(resultOf(verb, args));
  });
}

/** The domid that a domain is made with, or stands for one. */
function created(spec: unknown, destroyed: Set<Domid>): Domid {
  const asked =
    typeof spec === 'object' && spec !== null && 'domid' in spec ? spec.domid : undefined;
  if (typeof asked !== 'number') return NEW_DOMID;
  destroyed.delete(domid(asked));
  return domid(asked);
}

/** What the caller needs to go on. */
function resultOf(verb: string, args: readonly unknown[]): unknown {
  switch (verb) {
    case 'allocUnboundEvtchn':
      return evtchn(1);
    case 'buildDomain':
    case 'restoreDomain':
      return { storeFrame: 0n, consoleFrame: 0n };
    case 'mapPirq':
      return args[1];
    case 'setVcpuAffinity':
      return { hard: [], soft: [] };
    case 'watchdog':
      return 0;
    default:
      return undefined;
  }
}

const HOTPLUG_RESULTS: Readonly<Record<string, unknown>> = {
  attachLoop: { devicePath: '/dev/loopN', major: 7, minor: 0 },
  runScript: { exitStatus: 0, output: '' },
};

/** Processes do what they are told; no device model is spoken to. */
function planService(verb: string, args: readonly unknown[], recorder: PlanRecorder): unknown {
  if (verb === 'isAlive') return Promise.resolve(false);
  if (verb === 'processEnd') return Promise.resolve();
  const shown = verb === 'writePrivateFile' ? args.slice(0, 1) : args;
  recorder.add({ kind: 'machine', verb, args: plainArguments(shown) });
  if (verb === 'signalProcess') return Promise.resolve(true);
  if (verb !== 'startProcess') return Promise.resolve();
  const exited = neverServes(recorder, args);
  // Only some callers wait for it.
  exited.catch(() => undefined);
  return Promise.resolve({ identity: { pid: 0, startTicks: '0' }, exited });
}

/** Who waits for nothing but the program itself waits for ever: the plan ends. */
async function neverServes(recorder: PlanRecorder, [spec]: readonly unknown[]): Promise<never> {
  // Twice, as a wait in xenstore has the first word.
  await recorder.idle();
  await recorder.idle();
  const program = typeof spec === 'object' && spec !== null && 'path' in spec ? spec.path : '';
  throw recorder.end([`the process ${String(program)}`]);
}

/** The domid that only stands for one is shown as what it is. */
function withNewDomid(steps: readonly PlanStep[]): readonly PlanStep[] {
  const shown: unknown = JSON.parse(JSON.stringify(steps), (_key, value: unknown) => {
    if (value === NEW_DOMID) return 'NEW';
    return typeof value === 'string' ? value.replaceAll(NEW_DOMID_TEXT, 'NEW') : value;
  });
  // The same steps as before, with other texts in them.
  return shown as readonly PlanStep[];
}

const NEW_DOMID_TEXT = new RegExp(`(?<!\\d)${NEW_DOMID}(?!\\d)`, 'g');
