/** What a start does, step by step, with what takes each step back. */
import { access } from 'node:fs/promises';
import { withDeadline } from '@xenops/core/lifetime';
import { kibFromMib } from '@xenops/core/units';
import { domid as domidOf } from '@xenops/core/ids';
import { waitFor } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import { ManagerError } from '../manager/manager-error.ts';
import type { BootFacts } from '../vm-config/facts.ts';
import { renderVmConfig } from '../vm-config/vm-config.ts';
import {
  askPart,
  CHECK_TIMEOUT_MS,
  memoryImage,
  PART_TIMEOUT_MS,
  recordOf,
  settingsOf,
  tellParts,
  type LifeContext,
} from './context.ts';
import { namedDependencies } from './dependencies.ts';
import type { NamedStep } from './run-steps.ts';
import { isBuilt, isComplete } from './states.ts';
import type { VmRecord } from './vm-record.ts';

/** For the monitor to make a domain: as long as it takes itself at most. */
const MAKE_TIMEOUT_MS = 900_000;
/** For the monitor to make a domain from an image on a slow disk. */
const RESTORE_TIMEOUT_MS = 4_000_000;
const DESTROY_TIMEOUT_MS = 150_000;
const SENTINEL_TIMEOUT_MS = 60_000;
const NO_FACTS: BootFacts = {
  networks: new Map(),
  nicBackends: new Map(),
  pciDevices: [],
  cdDrives: [],
  keyFolders: [],
  missingImages: new Set(),
  stubdomUuid: '',
};

/** One start. */
export interface Start {
  readonly life: LifeContext;
  readonly record: VmRecord;
  readonly uuid: string;
  /** The image it comes out of; undefined for a boot. */
  readonly image: string | undefined;
  /** The configured image, when it exists: it is kept, and the guest is told. */
  configuredImage: string | undefined;
  /** The monitor at work. */
  making: Promise<unknown> | undefined;
}

type StartStep = NamedStep<Start>;

/** In this order. From the last one on the guest runs, and nothing is taken back any more. */
export const START_STEPS: readonly StartStep[] = [
  { name: 'seeing to the end of the boot before', run: seeToEnd },
  { name: 'starting what it depends on', run: startDependencies },
  { name: 'looking at what stands against the start', run: check },
  { name: 'telling the monitor its configuration', run: configure },
  {
    name: 'making room for it',
    run: makeRoom,
    undo: releaseRoom,
  },
  {
    name: 'running the hook before the boot',
    run: runBootHook,
  },
  { name: 'making its domain', run: makeDomain, undo: destroyDomain },
  { name: 'preparing the host for its domain', run: prepareHost, undo: forgetDomain },
  { name: 'waiting for its devices', run: completeDevices },
  { name: 'preparing its guest', run: prepareGuest },
  { name: 'letting the guest run', run: unpause },
];

/** Others let go of the last domain before they hear of the next. */
async function seeToEnd({ life, record, uuid }: Start, signal: AbortSignal): Promise<void> {
  const { clock } = life.host.services;
  const what = `what follows the end of the VM ${uuid}`;
  const options = { timeoutMs: CHECK_TIMEOUT_MS, signal, clock };
  await withDeadline({ what }, options, () => record.queue.drained());
}

async function check({ life, uuid }: Start, signal: AbortSignal): Promise<void> {
  const options = { timeoutMs: CHECK_TIMEOUT_MS, signal };
  for (const part of life.parts) await askPart(life, part, options, () => part.check?.(uuid));
}

async function startDependencies({ life, uuid }: Start, signal: AbortSignal): Promise<void> {
  const isTracked = settingsOf(life, uuid).flag('track-dependencies');
  const named = namedDependencies(life.database.view(), uuid);
  if (!isTracked && named.length === 0) return;
  for (const needed of await life.dependencies(uuid)) {
    // What a named one needs in turn it starts itself.
    if (!isTracked && !named.includes(needed)) continue;
    if (!life.records.has(needed)) throw missing(uuid, needed);
    if (!recordOf(life, needed).isAlive) await life.start(needed, { signal });
    if (!recordOf(life, needed).isAlive) throw missing(uuid, needed);
  }
}

function missing(uuid: string, needed: string): ManagerError {
  return new ManagerError('DEPENDENCY_MISSING', {
    message: `The VM ${uuid} needs the VM ${needed}, which does not run`,
    context: { uuid, needed },
  });
}

async function configure(start: Start, signal: AbortSignal): Promise<void> {
  const { life, uuid, image } = start;
  let facts = NO_FACTS;
  const options = { timeoutMs: CHECK_TIMEOUT_MS, signal };
  for (const part of life.parts) {
    facts = { ...facts, ...(await askPart(life, part, options, () => part.facts?.(uuid))) };
  }
  const text = renderVmConfig(life.database.view(), uuid, facts);
  await life.monitors.serve(uuid, text);
  const configured = settingsOf(life, uuid).text('start-from-suspend-image');
  const isThere = image === undefined && configured !== '' && (await exists(configured));
  start.configuredImage = isThere ? await memoryImage(life, configured) : undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** When there is too little the VM gets less, down to its minimum. */
async function makeRoom({ life, uuid }: Start, signal: AbortSignal): Promise<void> {
  const neededKib = await requiredKib(life, uuid, signal);
  try {
    await life.memory.reserve(uuid, neededKib, signal);
  } catch (error) {
    if (!(error instanceof ManagerError) || error.code !== 'NOT_ENOUGH_MEMORY') throw error;
    const missingKib = Number(error.context['missingKib'] ?? Infinity);
    const settings = settingsOf(life, uuid);
    const memoryKib = kibFromMib(settings.number('memory'));
    const lessKib = memoryKib - missingKib;
    const minimumKib = kibFromMib(settings.number('memory-min'));
    if (!(minimumKib > 0 && lessKib >= minimumKib)) throw error;
    life.log.child({ vm: uuid }).log('info', `The VM starts with ${lessKib} of ${memoryKib} KiB`);
    const args = { field: 'memory', value: String(lessKib) };
    await life.monitors.call(uuid, 'set', args, { signal });
    await life.memory.reserve(uuid, await requiredKib(life, uuid, signal), signal);
  }
}

async function releaseRoom({ life, uuid }: Start): Promise<void> {
  life.memory.release(uuid);
}

async function runBootHook({ life, uuid }: Start, signal: AbortSignal): Promise<void> {
  await life.runHook(uuid, 'run-pre-boot', [uuid], signal);
}

async function unpause({ life, uuid }: Start, signal: AbortSignal): Promise<void> {
  await life.monitors.call(uuid, 'unpause', {}, { signal });
}

async function requiredKib(life: LifeContext, uuid: string, signal: AbortSignal): Promise<number> {
  const args = { field: 'required-to-boot-kib' };
  const text = await life.monitors.call(uuid, 'get', args, { signal });
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ManagerError('MONITOR_FAILED', {
    message: `The monitor does not say how much memory the VM ${uuid} needs`,
    context: { uuid },
  });
}

/** Has the monitor begin, and goes on once the domain has its memory. */
async function makeDomain(start: Start, signal: AbortSignal): Promise<void> {
  const { life, record, uuid, image } = start;
  const { clock } = life.host.services;
  const file = image ?? start.configuredImage;
  const making =
    file === undefined
      ? life.monitors.call(
          uuid,
          'start',
          { paused: 'true' },
          { timeoutMs: MAKE_TIMEOUT_MS, signal },
        )
      : life.monitors.call(
          uuid,
          'restore',
          { file, delete: 'false', paused: 'true' },
          { timeoutMs: RESTORE_TIMEOUT_MS, signal },
        );
  // Its outcome is looked at in the step that waits for the devices.
  making.catch(() => undefined);
  start.making = making;
  const stop = new AbortController();
  const built = record.waitUntil(() => isBuilt(record.internal), 'to get its memory', {
    timeoutMs: RESTORE_TIMEOUT_MS,
    clock,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  built.catch(() => undefined);
  try {
    await Promise.race([built, making]);
  } finally {
    stop.abort();
  }
  life.memory.release(uuid);
}

async function destroyDomain({ life, uuid, making }: Start): Promise<void> {
  if (making === undefined) return;
  await life.monitors.call(uuid, 'destroy', {}, { timeoutMs: DESTROY_TIMEOUT_MS });
}

async function prepareHost(start: Start, signal: AbortSignal): Promise<void> {
  const { life, record, uuid } = start;
  const { domid } = record;
  const view = life.database.view();
  await life.nodes.writeShown(view, uuid, domid);
  if (settingsOf(life, uuid).flag('provides-network-backend')) {
    await life.nodes.writeNetworkBackend(domid);
  }
  if (start.configuredImage !== undefined) await life.nodes.writeSnapshotState(uuid, domid);
  const options = { timeoutMs: PART_TIMEOUT_MS, signal };
  for (const part of life.parts) {
    await askPart(life, part, options, (stop) => part.domainMade?.(uuid, domid, stop));
  }
}

async function forgetDomain({ life, uuid }: Start): Promise<void> {
  await life.nodes.removeShown(uuid);
}

async function completeDevices({ record, making, uuid }: Start): Promise<void> {
  await making;
  if (isComplete(record.internal)) return;
  throw new ManagerError('VM_STOPPED_OTHERWISE', {
    message: `The VM ${uuid} is ${record.internal} right after it was made`,
    context: { uuid, state: record.internal },
  });
}

async function prepareGuest({ life, record, uuid }: Start, signal: AbortSignal): Promise<void> {
  const { domid } = record;
  await tellParts(life, uuid, (part, stop) => part.created?.(uuid, domid, stop), signal);
  signal.throwIfAborted();
  const sentinel = sentinelOf(life, uuid);
  if (sentinel !== '') await life.nodes.makeSentinel(domid, sentinel);
}

/** The node into which the guest writes when its boot is complete; empty for none. */
function sentinelOf(life: LifeContext, uuid: string): string {
  const sentinel = settingsOf(life, uuid).text('boot-sentinel');
  // A path of its own domain, and nothing else.
  return sentinel.split('/').includes('..') ? '' : sentinel.replaceAll(/^\/+|\/+$/g, '');
}

/** Waits until the guest says that it is ready; one that does not in its time counts as ready. */
export async function waitReady(
  { life, record, uuid }: Start,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sentinel = sentinelOf(life, uuid);
  if (sentinel === '' || record.domid < 0) return;
  const path = domainPath(domidOf(record.domid), sentinel);
  const condition = {
    what: `the guest to write ${path}`,
    paths: [path],
    look: async (): Promise<true | undefined> => {
      const value = await life.host.store.find(path);
      return value !== undefined && value !== '' ? true : undefined;
    },
  };
  const { clock } = life.host.services;
  const stop = new AbortController();
  const ended = record
    .waitUntil(() => !record.isAlive, 'to end', {
      timeoutMs: SENTINEL_TIMEOUT_MS * 2,
      clock,
      signal: stop.signal,
    })
    .catch(() => undefined);
  const ready = waitFor(life.host.store, condition, {
    timeoutMs: SENTINEL_TIMEOUT_MS,
    clock,
    signal: AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]),
  }).catch((error: unknown) => {
    if (stop.signal.aborted || signal?.aborted === true) return;
    life.log.child({ vm: uuid }).log('warn', 'The guest does not say that it is ready', error);
  });
  await Promise.race([ready, ended]);
  stop.abort();
  await ready;
}
