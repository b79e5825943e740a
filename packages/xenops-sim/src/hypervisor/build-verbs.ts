/** Building guests: what libxenguest checks, takes and leaves behind. */
import type {
  BuildResult,
  BuildSpec,
  Hypervisor,
  LongCallOptions,
  RestoreSpec,
} from '@xenops/core/hypervisor';
import { throwIfAborted } from '@xenops/core/lifetime';
import { KIB_PER_MIB, pagesFromKibUp } from '@xenops/core/units';
import { loadBootImages } from './boot-images.ts';
import { populate } from './domain-memory.ts';
import { isContainer, type DomainRecord } from './domain-record.ts';
import { checkCpuPolicy } from './vcpu-verbs.ts';
import { refuse, type XenState } from './xen-state.ts';

/** Longest command line of a guest, with its terminator (MAX_GUEST_CMDLINE, xen/include/public/xen.h). */
const CMDLINE_BYTES = 1024;
/** Page tables, rings and the start info page besides the images: what a guest needs to be built at all. */
const BUILD_OVERHEAD_KIB = 4096;
/** Word of a guest's command line whose build stops half-way, with its memory taken, until it is called off. */
const HANGING_BUILD = 'sim.build=hang';
/** Where the rings of a hardware container are (special pages, tools/libs/guest/xg_dom_x86.c). */
const CONTAINER_STORE_FRAME = 0xf_effcn;
const CONTAINER_CONSOLE_FRAME = 0xf_efffn;
const SPECIAL_FRAMES = { first: 0xf_eff8n, count: 8 } as const;
/** References that the builder seeds (GNTTAB_RESERVED_*, xen/include/public/grant_table.h). */
const CONSOLE_GRANT = 0;
const STORE_GRANT = 1;

export function buildVerbs(xen: XenState): Pick<Hypervisor, 'buildDomain'> {
  return { buildDomain: (domid, spec, options) => buildDomain(xen, domid, spec, options) };
}

async function buildDomain(
  xen: XenState,
  domid: number,
  spec: BuildSpec,
  { signal, onProgress = () => undefined }: LongCallOptions = {},
): Promise<BuildResult> {
  const what = `the build of domain ${domid}`;
  const get = (): DomainRecord => checkedDomain(xen, domid, spec);
  throwIfAborted(signal, what);
  get();
  onProgress({ stage: 'load' });
  const imageKib = await loadBootImages(domid, spec);
  throwIfAborted(signal, what);
  // The domain may have been destroyed, or built by somebody else, while the files were read.
  const domain = get();
  checkImageFits(domid, { memoryKib: spec.memoryKib, imageKib });
  onProgress({ stage: 'populate' });
  throwIfAborted(signal, what);
  if (domain.outstandingPages > 0) {
    // The builder claims the memory itself, and a domain has one claim.
    const message = `Domain ${domid} has a claim already`;
    refuse({ call: 'xc_dom_boot_mem_init', domid }, 'ENOMEM', message);
  }
  populateGuest(xen, domain, spec);
  const cmdline = spec.kind === 'hvm' ? '' : spec.cmdline;
  if (cmdline.split(/\s+/).includes(HANGING_BUILD)) await untilAborted(signal, what);
  onProgress({ stage: 'boot' });
  const kernelPath = spec.kind === 'hvm' ? spec.loaderPath : spec.kernelPath;
  domain.guest = { cmdline, kernelPath, start: 'boot' };
  domain.timeOffsetSeconds = spec.timeOffsetSeconds ?? domain.timeOffsetSeconds;
  const mode = spec.tscMode ?? (spec.kind === 'pv' ? 'native' : 'default');
  domain.tsc = { mode, sinceMs: xen.clock.nowMs(), incarnation: 1 };
  setContainerParams(domain, spec);
  const result = placeRings(domain, spec);
  domain.onlineVcpuCount = 1;
  xen.tellRunnable(domain);
  return result;
}

/** The domain, in which this guest can be built. Throws HYPERVISOR_BAD_ARGUMENT otherwise. */
function checkedDomain(xen: XenState, domid: number, spec: BuildSpec): DomainRecord {
  const domain = xen.getOther(domid, 'xc_dom_boot_xen_init', 'build');
  const place = { call: 'xc_dom_boot_mem_init', domid };
  if (domain.guestType !== spec.kind) {
    refuse(place, 'EINVAL', `Domain ${domid} is no ${spec.kind} domain but ${domain.guestType}`);
  }
  if (domain.guest !== undefined) {
    refuse(place, 'EINVAL', `Domain ${domid} has been built already`);
  }
  const sizes = [spec.memoryKib, spec.maxMemoryKib ?? spec.memoryKib];
  const isWhole = sizes.every((kib) => Number.isSafeInteger(kib / KIB_PER_MIB) && kib > 0);
  if (!isWhole) {
    const message = `A guest is built with whole MiB of memory, not with ${spec.memoryKib} KiB`;
    refuse(place, 'EINVAL', message);
  }
  if (spec.maxMemoryKib !== undefined && spec.maxMemoryKib < spec.memoryKib) {
    refuse(place, 'EINVAL', `A guest cannot start with more memory than its most`);
  }
  if (spec.kind !== 'hvm' && Buffer.byteLength(spec.cmdline) >= CMDLINE_BYTES) {
    refuse(place, 'EINVAL', `A guest's command line is shorter than ${CMDLINE_BYTES} bytes`);
  }
  checkCpuPolicy(domain, spec.cpuPolicy ?? {});
  return domain;
}

/** Throws HYPERVISOR_NO_MEMORY when the guest would not have room for its images. */
function checkImageFits(
  domid: number,
  { memoryKib, imageKib }: { readonly memoryKib: number; readonly imageKib: number },
): void {
  const neededKib = imageKib + BUILD_OVERHEAD_KIB;
  if (memoryKib >= neededKib) return;
  const message = `Domain ${domid} needs ${neededKib} KiB for its images and tables, not ${memoryKib}`;
  refuse({ call: 'xc_dom_boot_image', domid }, 'ENOMEM', message);
}

/** Fills the domain with memory; a container that can grow is populated on demand. */
export function populateGuest(
  xen: XenState,
  domain: DomainRecord,
  spec: Pick<BuildSpec, 'memoryKib' | 'maxMemoryKib'>,
): void {
  const pages = pagesFromKibUp(spec.memoryKib);
  const maxPages = pagesFromKibUp(spec.maxMemoryKib ?? spec.memoryKib);
  populate(xen, domain, pages);
  if (isContainer(domain)) {
    domain.memory.addFrames(0n, maxPages);
    domain.memory.addFrames(SPECIAL_FRAMES.first, SPECIAL_FRAMES.count);
    if (maxPages > pages) domain.pod = { cachePages: pages, entryPages: maxPages };
  } else {
    domain.memory.addFrames(xen.takeFrames(pages), pages);
  }
}

/** Where the rings are; who serves them may map them by grant. */
export function placeRings(
  domain: DomainRecord,
  spec: Pick<RestoreSpec, 'storeDomid' | 'consoleDomid' | 'storeEvtchn' | 'consoleEvtchn'>,
): BuildResult {
  const [storeFrame, consoleFrame] = isContainer(domain)
    ? [CONTAINER_STORE_FRAME, CONTAINER_CONSOLE_FRAME]
    : [domain.memory.firstFrame + 1n, domain.memory.firstFrame + 2n];
  const rings = [
    { ref: STORE_GRANT, frame: storeFrame, to: spec.storeDomid },
    { ref: CONSOLE_GRANT, frame: consoleFrame, to: spec.consoleDomid },
  ];
  for (const { ref, frame, to } of rings)
    domain.memory.grant({ frame, to, isReadOnly: false }, ref);
  if (isContainer(domain)) {
    domain.hvmParams.set('store-pfn', storeFrame);
    domain.hvmParams.set('console-pfn', consoleFrame);
    domain.hvmParams.set('store-evtchn', BigInt(spec.storeEvtchn));
    domain.hvmParams.set('console-evtchn', BigInt(spec.consoleEvtchn));
  }
  return { storeFrame, consoleFrame };
}

function setContainerParams(domain: DomainRecord, spec: BuildSpec): void {
  if (spec.kind !== 'hvm') return;
  domain.hvmParams.set('hpet-enabled', spec.hpet === false ? 0n : 1n);
  if (spec.viridianFeatures !== undefined) domain.hvmParams.set('viridian', spec.viridianFeatures);
}

/** Comes back only by throwing, when the signal fires; without one, never. */
async function untilAborted(signal: AbortSignal | undefined, what: string): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  throwIfAborted(signal, what);
}
