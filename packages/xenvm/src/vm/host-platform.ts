/** Settings of a new domain that core's build leaves to its caller: timers, places of vcpus, hardware that the guest may touch. */
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { vmPath } from '@xenops/core/xenstore/path';
import type { DomainSpec } from './domain-spec.ts';

/** Bits of a page address. */
const PAGE_BITS = 12n;

/** Timers as parameters of the domain; the clock's offset where a device model tells its changes. Rejects with the hypervisor's error. */
export async function setPlatform(
  { hypervisor, store }: Host,
  domid: Domid,
  { domain, timers }: DomainSpec,
): Promise<void> {
  const { build, uuid } = domain;
  if (build.kind !== 'hvm') return;
  const { mode, align } = timers;
  if (mode !== undefined) await hypervisor.setHvmParam(domid, 'timer-mode', BigInt(mode));
  if (align !== undefined) await hypervisor.setHvmParam(domid, 'vpt-align', BigInt(align));
  await store.write(vmPath(uuid, 'rtc', 'timeoffset'), String(build.timeOffsetSeconds ?? 0));
}

/** Where each vcpu may run, and should. Rejects with the hypervisor's error. */
export async function placeVcpus(
  { hypervisor }: Host,
  domid: Domid,
  { affinity, softAffinity }: DomainSpec,
): Promise<void> {
  for (const { vcpu, cpus } of affinity)
    await hypervisor.setVcpuAffinity(domid, vcpu, { hard: cpus });
  for (const { vcpu, cpus } of softAffinity)
    await hypervisor.setVcpuAffinity(domid, vcpu, { soft: cpus });
}

/** Ports and addresses, both ends of each range; Xen takes it all back with the domain. Rejects with the hypervisor's error. */
export async function grantHardware(
  { hypervisor }: Host,
  domid: Domid,
  { ioPorts, mmio }: DomainSpec,
): Promise<void> {
  for (const { first, last } of ioPorts) {
    const count = last - first + 1;
    await hypervisor.setIoportPermission(domid, { firstPort: first, count }, true);
  }
  for (const { first, last } of mmio) {
    const firstFrame = BigInt(first) >> PAGE_BITS;
    const count = Number((BigInt(last) >> PAGE_BITS) - firstFrame) + 1;
    await hypervisor.setIomemPermission(domid, { firstFrame, count }, true);
  }
}
