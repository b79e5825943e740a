/** Saving and restoring: the order of libxenguest, on streams of our own. */
import { read, write } from 'node:fs';
import { promisify } from 'node:util';
import { AbortedError } from '@xenops/core/errors';
import {
  HVM_PARAMS,
  type BuildResult,
  type HvmParam,
  type LongCallOptions,
  type RestoreSpec,
  type SaveSpec,
} from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { throwIfAborted } from '@xenops/core/lifetime';
import { kibFromPages, KIB_PER_MIB } from '@xenops/core/units';
import { placeRings, populateGuest } from './build-verbs.ts';
import { isContainer, type DomainRecord } from './domain-record.ts';
import {
  BrokenStream,
  readStream,
  StreamWriter,
  type ByteSink,
  type ByteSource,
  type SavedGuest,
} from './save-stream.ts';
import { refuse, type XenState } from './xen-state.ts';

/** As the interface has them, with the descriptor replaced by a way to its bytes; what the socket carries. */
export interface StreamVerbs {
  saveTo(
    domid: Domid,
    spec: Omit<SaveSpec, 'fd' | 'onRound'> & {
      readonly onRound?: (
        round: Parameters<NonNullable<SaveSpec['onRound']>>[0],
      ) => 'continue' | 'suspend' | 'abort' | Promise<'continue' | 'suspend' | 'abort'>;
      readonly write: ByteSink;
    },
    options?: LongCallOptions,
  ): Promise<void>;
  restoreFrom(
    domid: Domid,
    spec: Omit<RestoreSpec, 'fd'> & { readonly read: ByteSource },
    options?: LongCallOptions,
  ): Promise<BuildResult>;
}

type SaveToSpec = Parameters<StreamVerbs['saveTo']>[1];
type RestoreFromSpec = Parameters<StreamVerbs['restoreFrom']>[1];

/** Rounds of a live save before the guest is suspended (`XGS_POLICY` of libxenguest). */
const ROUNDS_MAX = 5;

export function streamVerbs(xen: XenState): StreamVerbs {
  return {
    saveTo: (domid, spec, options) => save(xen, domid, spec, options),
    restoreFrom: (domid, spec, options) => restore(xen, domid, spec, options),
  };
}

async function save(
  xen: XenState,
  domid: number,
  spec: SaveToSpec,
  { signal, onProgress = () => undefined }: LongCallOptions = {},
): Promise<void> {
  const call = 'xc_domain_save';
  const what = `the save of domain ${domid}`;
  throwIfAborted(signal, what);
  const domain = xen.getOther(domid, call, 'save');
  if (domain.guest === undefined) {
    refuse({ call, domid }, 'EINVAL', `Domain ${domid} has nothing in it to be saved`);
  }
  if (!isContainer(domain) && !domain.isIdle) {
    refuse({ call, domid }, 'EIO', `Domain ${domid} has not told the map of its frames yet`);
  }
  const isTracked = spec.live === true && domain.guestType === 'hvm';
  if (isTracked && spec.setQemuDirtyTracking === undefined) {
    const message = `A live save of domain ${domid} needs the tracking of its device model`;
    refuse({ call, domid }, 'EINVAL', message);
  }
  if (isTracked) await spec.setQemuDirtyTracking?.(true);
  try {
    if (spec.live === true) await copyLive(domain, spec, { signal, onProgress });
    throwIfAborted(signal, what);
    onProgress({ stage: 'suspend' });
    await spec.suspend();
    if (domain.shutdownReason !== 'suspend') {
      refuse({ call, domid }, 'EIO', `Domain ${domid} has not suspended itself`);
    }
    await writeGuest(xen, domain, spec.write, { signal, onProgress });
  } finally {
    if (isTracked) await spec.setQemuDirtyTracking?.(false);
  }
}

/** Rounds over the memory while the guest runs. Nothing of it is written: a script changes its pages unseen. */
async function copyLive(
  domain: DomainRecord,
  { onRound }: SaveToSpec,
  { signal, onProgress }: LongCallOptions,
): Promise<void> {
  const what = `the save of domain ${domain.domid}`;
  for (let iteration = 0; iteration < ROUNDS_MAX; iteration += 1) {
    throwIfAborted(signal, what);
    onProgress?.({ stage: 'copy', done: 0, total: domain.pages });
    const dirtyPages = iteration === 0 ? -1 : Math.floor(domain.pages / 10 ** iteration);
    const verdict =
      (await onRound?.({ iteration, totalPages: domain.pages, dirtyPages })) ??
      (iteration === 0 ? 'continue' : 'suspend');
    if (verdict === 'suspend') return;
    if (verdict === 'abort') throw new AbortedError({ message: `Called off: ${what}` });
  }
}

async function writeGuest(
  xen: XenState,
  domain: DomainRecord,
  sink: ByteSink,
  { signal, onProgress }: LongCallOptions,
): Promise<void> {
  const what = `the save of domain ${domain.domid}`;
  const stream = new StreamWriter(sink);
  await stream.begin(savedGuest(xen, domain));
  const pages = domain.memory.contents();
  for (const [index, page] of pages.entries()) {
    throwIfAborted(signal, what);
    onProgress?.({ stage: 'save', done: index, total: pages.length });
    // Frames are the guest's own numbers in the stream: machine frames of a PV guest change.
    await stream.page({ frame: page.frame - originOf(domain), bytes: page.bytes });
  }
  throwIfAborted(signal, what);
  await stream.end();
}

function savedGuest(xen: XenState, domain: DomainRecord): SavedGuest {
  const { guestType, maxVcpus, pages, hvmParams, tsc, guest } = domain;
  return {
    guestType,
    vcpuCount: maxVcpus,
    memoryKib: kibFromPages(pages),
    cmdline: guest?.cmdline ?? '',
    kernelPath: guest?.kernelPath ?? '',
    hvmParams: [...hvmParams],
    tsc: {
      mode: tsc.mode,
      elapsedMs: xen.clock.nowMs() - tsc.sinceMs,
      incarnation: tsc.incarnation,
    },
    ...(guest?.state === undefined ? {} : { state: guest.state }),
  };
}

async function restore(
  xen: XenState,
  domid: number,
  spec: RestoreFromSpec,
  { signal, onProgress = () => undefined }: LongCallOptions = {},
): Promise<BuildResult> {
  const call = 'xc_domain_restore';
  const place = { call, domid };
  throwIfAborted(signal, `the restoration of domain ${domid}`);
  const check = (): DomainRecord => {
    const domain = xen.getOther(domid, call, 'restore');
    if (domain.guest !== undefined) refuse(place, 'EINVAL', `Domain ${domid} has a guest already`);
    if (domain.guestType !== spec.guestType || !Number.isInteger(spec.memoryKib / KIB_PER_MIB)) {
      refuse(place, 'EINVAL', `Domain ${domid} is not as the guest was`);
    }
    return domain;
  };
  check();
  onProgress({ stage: 'restore' });
  const { guest, pages } = await readStream(spec.read).catch((error: unknown) => {
    if (!(error instanceof BrokenStream)) throw error;
    return refuse(
      place,
      'EINVAL',
      `Domain ${domid} cannot be restored: of the stream, ${error.message}`,
    );
  });
  throwIfAborted(signal, `the restoration of domain ${domid}`);
  const domain = check();
  if (guest.guestType !== domain.guestType || guest.vcpuCount !== domain.maxVcpus) {
    const message = `The stream is of a ${guest.guestType} guest with ${guest.vcpuCount} vcpus`;
    refuse(place, 'EINVAL', message);
  }
  onProgress({ stage: 'populate' });
  populateGuest(xen, domain, spec);
  fill(xen, domain, guest, pages);
  const result = placeRings(domain, spec);
  xen.tellRunnable(domain);
  return result;
}

function fill(
  xen: XenState,
  domain: DomainRecord,
  guest: SavedGuest,
  pages: readonly { readonly frame: bigint; readonly bytes: Uint8Array }[],
): void {
  for (const { frame, bytes } of pages) {
    domain.memory.findBytes([frame + originOf(domain)])?.set(bytes);
  }
  for (const [param, value] of guest.hvmParams) {
    if (isHvmParam(param)) domain.hvmParams.set(param, value);
  }
  const { mode, elapsedMs, incarnation } = guest.tsc;
  domain.tsc = { mode, sinceMs: xen.clock.nowMs() - elapsedMs, incarnation: incarnation + 1 };
  const { cmdline, kernelPath, state } = guest;
  domain.guest = { cmdline, kernelPath, start: 'restored', state };
  domain.onlineVcpuCount = domain.maxVcpus;
}

const isHvmParam = (name: string): name is HvmParam => Object.hasOwn(HVM_PARAMS, name);

/** Where the guest's own frame numbers begin among those of its memory. */
function originOf(domain: DomainRecord): bigint {
  return isContainer(domain) ? 0n : domain.memory.firstFrame;
}

const writeFd = promisify(write);
const readFd = promisify(read);

/** Bytes to a descriptor, all of them. */
export function fdSink(fd: number): ByteSink {
  return async (bytes) => {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await writeFd(fd, bytes, at, bytes.length - at, null);
      at += bytesWritten;
    }
  };
}

/** Bytes from where the descriptor stands. */
export function fdSource(fd: number): ByteSource {
  return async (count) => {
    const buffer = Buffer.alloc(Math.min(count, READ_BYTES_MAX));
    const { bytesRead } = await readFd(fd, buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  };
}

const READ_BYTES_MAX = 65_536;
