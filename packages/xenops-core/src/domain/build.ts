/** Building a guest in a domain that was made before. */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, findDomid, type Domid, type Evtchn } from '../ids.ts';
import type { BuildSpec, LongCallOptions } from '../hypervisor/hypervisor.ts';
import { throwIfAborted } from '../lifetime/deadline.ts';
import type { MemoryBreakdown } from '../memory/breakdown.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { daemonDomidPath } from '../xenstore/path.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import { checkBuild, type BuildConfig } from './build-config.ts';
import { finishBuild, markBuild, unmarkBuild } from './build-mark.ts';
import { remakeDomain } from './create.ts';
import { defaultFirmware } from './firmware.ts';
import { withHostTables } from './host-tables.ts';
import { builtTree, type BuiltDomain, type DomainIdentity } from './layout.ts';
import { getDomain, getUnbuilt } from './record.ts';
import { withUndo } from './with-undo.ts';

/**
 * Loads a guest into the domain and introduces it to xenstore; it stays paused. Rejects with DOMAIN_NOT_FOUND,
 * DOMAIN_WRONG_STATE, DOMAIN_NO_MEMORY, CONFIG_BAD_VALUE, BUILD_..., ABORTED, or the hypervisor's error; the domain is
 * as empty then as it was before, and the host has all its memory back.
 */
export async function buildDomain(
  host: Host,
  domid: Domid,
  config: BuildConfig,
  options: LongCallOptions = {},
): Promise<void> {
  const info = await getDomain(host, domid);
  const [identity, daemons] = await Promise.all([getUnbuilt(host, info), findDaemons(host)]);
  const memory = checkBuild(config, info);
  await assertMemory(host, domid, memory);
  throwIfAborted(options.signal, `the build of domain ${domid}`);

  await withUndo(`Building domain ${domid}`, async (undo) => {
    await markBuild(host, domid, identity.uuid);
    undo.push(`the mark of the build of domain ${domid}`, () => unmarkBuild(host, domid));
    undo.push(`domain ${domid} as it was`, () => remakeDomain(host, domid, identity));
    const fitting = fittingIdentity(identity, config);
    if (fitting !== identity) await remakeDomain(host, domid, fitting);
    const rings = await prepareRings(host, domid, daemons);
    await applyLimits(host, domid, config, memory);
    const { uuid } = fitting;
    const result = await withHostTables(host.services, config, { domid, uuid }, async (whole) => {
      const spec = await buildSpec(host, whole, { memory, rings });
      return host.hypervisor.buildDomain(domid, spec, options);
    });
    await introduceBuilt(host, domid, fitting, { ...result, ...rings, config, memory });
  });
}

/** The identity, with what Xen must know at creation for this build. */
function fittingIdentity(identity: DomainIdentity, config: BuildConfig): DomainIdentity {
  const isNested = config.kind === 'hvm' && config.nestedVirt === true;
  const isFitting =
    config.vcpus === identity.maxVcpus && (!isNested || identity.limits?.nestedVirt === true);
  if (isFitting) return identity;
  const limits = { ...identity.limits, ...(isNested ? { nestedVirt: true } : {}) };
  return { ...identity, maxVcpus: config.vcpus, limits };
}

/** Writes the nodes of a domain that has been loaded, tells xenstored of it, and puts on record that it is built. */
export async function introduceBuilt(
  host: Host,
  domid: Domid,
  identity: DomainIdentity,
  loaded: Omit<BuiltDomain, 'uuid' | 'startTimeMs'>,
): Promise<void> {
  const startTimeMs = host.services.clock.nowMs();
  // Nobody looks before the introduction, so this needs no transaction, in which each request costs more. All of it leaves
  // together; the introduction of a domain that misses a node is undone with the rest.
  const change = builtTree(domid, { ...loaded, uuid: identity.uuid, startTimeMs });
  await Promise.all([
    applyTreeChange(host.store, change),
    host.store.introduce(domid, loaded.storeFrame, loaded.storeEvtchn),
  ]);
  await finishBuild(host, domid, identity);
}

/** The ports of the two rings in the guest, and who serves them. */
export interface Rings {
  readonly storeEvtchn: Evtchn;
  readonly storeDomid: Domid;
  readonly consoleEvtchn: Evtchn;
  readonly consoleDomid: Domid;
}

/** The domains that the daemons run in which serve every guest. */
type Daemons = Pick<Rings, 'storeDomid' | 'consoleDomid'>;

async function findDaemons({ store }: Host): Promise<Daemons> {
  const [storeDomid, consoleDomid] = await Promise.all([
    domidOf(store, 'xenstored'),
    domidOf(store, 'xenconsoled'),
  ]);
  return { storeDomid, consoleDomid };
}

/** Allocates the ports of store and console. */
export async function prepareRings(host: Host, domid: Domid, daemons?: Daemons): Promise<Rings> {
  const { hypervisor } = host;
  const { storeDomid, consoleDomid } = daemons ?? (await findDaemons(host));
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, storeDomid);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, consoleDomid);
  return { storeEvtchn, storeDomid, consoleEvtchn, consoleDomid };
}

/** Limits that must be there before memory is: of memory, of page tables, and where the vcpus may run. */
export async function applyLimits(
  host: Host,
  domid: Domid,
  { affinity, schedulerShare, vcpus }: Pick<BuildConfig, 'affinity' | 'schedulerShare' | 'vcpus'>,
  { xenMaxKib, pagingPoolKib }: MemoryBreakdown,
): Promise<void> {
  await host.hypervisor.setMaxMemory(domid, xenMaxKib);
  if (pagingPoolKib > 0) await host.hypervisor.setPagingPool(domid, pagingPoolKib);
  if (affinity !== undefined) {
    const hypervisor = host.hypervisor;
    for (let vcpu = 0; vcpu < vcpus; vcpu += 1) {
      await hypervisor.setVcpuAffinity(domid, vcpu, affinity);
    }
  }
  if (schedulerShare !== undefined) {
    await host.hypervisor.setSchedulerShare(domid, schedulerShare);
  }
}

async function buildSpec(
  host: Host,
  config: BuildConfig,
  { memory, rings }: { readonly memory: MemoryBreakdown; readonly rings: Rings },
): Promise<BuildSpec> {
  const { tscMode, timeOffsetSeconds, cpuPolicy } = config;
  const common = {
    ...rings,
    memoryKib: memory.targetKib,
    maxMemoryKib: memory.staticMaxKib,
    ...(tscMode === undefined ? {} : { tscMode }),
    ...(timeOffsetSeconds === undefined ? {} : { timeOffsetSeconds }),
    ...(cpuPolicy === undefined ? {} : { cpuPolicy }),
  };
  if (config.kind !== 'hvm') {
    const { kind, kernelPath, ramdiskPath, cmdline } = config;
    const kernel = { kernelPath, cmdline, ...(ramdiskPath === undefined ? {} : { ramdiskPath }) };
    if (kind === 'pv') return { kind, ...common, ...kernel };
    return { kind, ...common, ...kernel, modules: config.modules ?? [] };
  }
  const firmware = defaultFirmware(await host.hypervisor.version());
  const { acpiModulePath, smbiosModulePath, mmioHoleKib, hpet, viridianFeatures, onlineVcpus } =
    config;
  return {
    kind: 'hvm',
    ...common,
    ...(config.nestedVirt === true ? { cpuPolicy: { ...cpuPolicy, nestedVirt: true } } : {}),
    loaderPath: config.loaderPath ?? firmware.loaderPath,
    firmwarePath: config.firmwarePath ?? firmware.firmwarePath,
    videoMemoryKib: memory.videoKib,
    ...(acpiModulePath === undefined ? {} : { acpiModulePath }),
    ...(smbiosModulePath === undefined ? {} : { smbiosModulePath }),
    ...(mmioHoleKib === undefined ? {} : { mmioHoleKib }),
    ...(hpet === undefined ? {} : { hpet }),
    ...(viridianFeatures === undefined ? {} : { viridianFeatures }),
    ...(onlineVcpus === undefined ? {} : { onlineVcpus }),
  };
}

/** The domain in which a daemon of Xen runs: Dom0 unless it says otherwise. */
async function domidOf(store: XenStore, daemon: 'xenstored' | 'xenconsoled'): Promise<Domid> {
  return findDomid((await store.find(daemonDomidPath(daemon))) ?? '') ?? DOM0;
}

/** Rejects with DOMAIN_NO_MEMORY when the host has too little that nobody has claimed. */
export async function assertMemory(
  host: Host,
  domid: Domid,
  { neededKib }: MemoryBreakdown,
): Promise<void> {
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  const freeKib = freeMemoryKib + scrubMemoryKib - outstandingMemoryKib;
  if (neededKib > freeKib) {
    throw new DomainError('DOMAIN_NO_MEMORY', {
      message: `Building domain ${domid} needs ${neededKib} KiB of memory and the host has ${freeKib} KiB free`,
      context: { domid, neededKib, freeKib },
    });
  }
}
