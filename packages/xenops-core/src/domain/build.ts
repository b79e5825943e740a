/** Building a PV guest in a domain that was made before. */
import { ConfigError, DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, findDomid, type Domid } from '../ids.ts';
import type { DomainInfo, LongCallOptions } from '../hypervisor/hypervisor.ts';
import { throwIfAborted } from '../lifetime/deadline.ts';
import { BUILD_MEMORY_MIN_KIB, pvFootprint } from '../memory/footprint.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { daemonDomidPath } from '../xenstore/path.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import { markBuild, unmarkBuild } from './build-mark.ts';
import { remakeDomain } from './create.ts';
import { builtTree, type BuiltDomain, type DomainIdentity } from './layout.ts';
import { getDomain, getUnbuilt } from './record.ts';
import { withUndo } from './with-undo.ts';

/** Most vcpus of a PV guest (`MAX_VIRT_CPUS`, xen/arch/x86/include/asm/domain.h). */
const PV_VCPUS_MAX = 8192;

/** What a PV guest is to be. */
export interface BuildPvConfig {
  /** Absolute paths, as the host sees them. */
  readonly kernelPath: string;
  readonly ramdiskPath?: string | undefined;
  readonly cmdline: string;
  /** Rounded up to whole MiB. */
  readonly memoryKib: number;
  readonly vcpus: number;
}

/**
 * Loads a PV guest into the domain and introduces it to xenstore; it stays paused. Rejects with DOMAIN_NOT_FOUND,
 * DOMAIN_WRONG_STATE, DOMAIN_NO_MEMORY, CONFIG_BAD_VALUE, BUILD_..., ABORTED, or the hypervisor's error; the domain is
 * as empty then as it was before, and the host has all its memory back.
 */
export async function buildPvDomain(
  host: Host,
  domid: Domid,
  config: BuildPvConfig,
  options: LongCallOptions = {},
): Promise<void> {
  const info = await getDomain(host, domid);
  const identity = await getUnbuilt(host, info);
  checkConfig(config, info);
  await assertMemory(host, domid, config.memoryKib);
  throwIfAborted(options.signal, `the build of domain ${domid}`);

  await withUndo(`Building domain ${domid}`, async (undo) => {
    await markBuild(host, domid);
    undo.push(`the mark of the build of domain ${domid}`, () =>
      unmarkBuild(host, domid, { isBuilt: false }),
    );
    undo.push(`domain ${domid} as it was`, () => remakeDomain(host, domid, identity));
    if (config.vcpus !== identity.maxVcpus) {
      await remakeDomain(host, domid, { ...identity, maxVcpus: config.vcpus });
    }
    const built = await load(host, domid, config, identity, options);
    await host.store.transaction((tree) => applyTreeChange(tree, builtTree(domid, built)));
    await host.store.introduce(domid, built.storeFrame, built.storeEvtchn);
    await unmarkBuild(host, domid, { isBuilt: true });
  });
}

/** Everything in the hypervisor: the limit, the two ports, the image. */
async function load(
  host: Host,
  domid: Domid,
  config: BuildPvConfig,
  identity: DomainIdentity,
  options: LongCallOptions,
): Promise<BuiltDomain> {
  const { hypervisor, store } = host;
  const { targetKib, maxMemoryKib } = pvFootprint(config.memoryKib);
  const { kernelPath, ramdiskPath, cmdline } = config;
  const [storeDomid, consoleDomid] = await Promise.all([
    domidOf(store, 'xenstored'),
    domidOf(store, 'xenconsoled'),
  ]);
  await hypervisor.setMaxMemory(domid, maxMemoryKib);
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, storeDomid);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, consoleDomid);
  const result = await hypervisor.buildDomain(
    domid,
    {
      kind: 'pv',
      kernelPath,
      ...(ramdiskPath === undefined ? {} : { ramdiskPath }),
      cmdline,
      memoryKib: targetKib,
      storeEvtchn,
      storeDomid,
      consoleEvtchn,
      consoleDomid,
    },
    options,
  );
  return {
    ...result,
    uuid: identity.uuid,
    targetKib,
    maxVcpus: config.vcpus,
    kernelPath,
    ramdiskPath,
    cmdline,
    storeEvtchn,
    consoleEvtchn,
    startTimeMs: host.services.clock.nowMs(),
  };
}

/** The domain in which a daemon of Xen runs: Dom0 unless it says otherwise. */
async function domidOf(store: XenStore, daemon: 'xenstored' | 'xenconsoled'): Promise<Domid> {
  return findDomid((await store.find(daemonDomidPath(daemon))) ?? '') ?? DOM0;
}

function checkConfig({ memoryKib, vcpus }: BuildPvConfig, { domid, guestType }: DomainInfo): void {
  if (guestType !== 'pv') {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} was created as ${guestType}; build_domain builds pv guests`,
      context: { domid, guestType },
    });
  }
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > PV_VCPUS_MAX) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A PV guest has 1 to ${PV_VCPUS_MAX} vcpus, not ${vcpus}`,
      context: { vcpus },
    });
  }
  if (!Number.isSafeInteger(memoryKib) || memoryKib < BUILD_MEMORY_MIN_KIB) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A guest needs at least ${BUILD_MEMORY_MIN_KIB} KiB of memory, not ${memoryKib}`,
      context: { memoryKib },
    });
  }
}

async function assertMemory(host: Host, domid: Domid, memoryKib: number): Promise<void> {
  const { neededKib } = pvFootprint(memoryKib);
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  const freeKib = freeMemoryKib + scrubMemoryKib - outstandingMemoryKib;
  if (neededKib > freeKib) {
    throw new DomainError('DOMAIN_NO_MEMORY', {
      message: `Building domain ${domid} needs ${neededKib} KiB of memory and the host has ${freeKib} KiB free`,
      context: { domid, neededKib, freeKib },
    });
  }
}
