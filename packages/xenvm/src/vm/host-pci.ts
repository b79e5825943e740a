/** PCI devices of a VM, over core: taken from their drivers where the configuration says so, reset, given, and taken away again. */
import type { Host } from '@xenops/core/host';
import type { PciAddress } from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { attachPci, detachPci, makePciAssignable } from '@xenops/core/pci';
import type { PciAddressSpec, PciSpec } from '../config/index.ts';
import type { HostCall } from './vm-host.ts';

/** The address in core's words. */
export function pciAddress({ segment, bus, slot, func }: PciAddressSpec): PciAddress {
  return { domain: segment, bus, slot, fn: func };
}

/** Gives them all or none. Those that are bound for it stay kept for guests afterwards. Rejects as `makePciAssignable` and `attachPci`. */
export async function givePci(
  host: Host,
  domid: Domid,
  devices: readonly PciSpec[],
  { signal }: HostCall,
): Promise<void> {
  for (const { address, bind } of devices) {
    if (bind) await makePciAssignable(host, pciAddress(address));
  }
  await attachPci(
    host,
    domid,
    devices.map(({ address }) => ({ address: pciAddress(address) })),
    { signal },
  );
}

/** Takes one away; asks the guest unless forced. Rejects as `detachPci`. */
export async function takePci(
  host: Host,
  domid: Domid,
  { address, isForced }: { readonly address: PciAddressSpec; readonly isForced: boolean },
  { signal }: HostCall,
): Promise<void> {
  const mode = isForced ? 'force' : 'clean';
  await detachPci(host, domid, [pciAddress(address)], { mode, signal });
}
