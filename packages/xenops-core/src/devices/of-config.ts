/** All devices of a configuration. */
import type { DomainConfig } from '../domain/xl-config.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { attachDevice } from './attach.ts';
import { describeVbd } from './classes/vbd.ts';
import { describeVif } from './classes/vif.ts';
import type { DeviceDescription } from './device.ts';
import type { DeviceOptions } from './timeouts.ts';

/** What its disks and interfaces are made of. Throws CONFIG_BAD_VALUE. */
export function describeDevices(
  domid: Domid,
  { build, disks, nics }: DomainConfig,
): readonly DeviceDescription[] {
  const guest = { domid, guestType: build.kind };
  return [
    ...disks.map((disk) => describeVbd(guest, disk)),
    ...nics.map((nic) => describeVif(domid, nic)),
  ];
}

/**
 * Attaches them all, side by side: hotplug of one does not wait for that of another. When one fails, the others are finished first and then
 * stay; whoever makes the domain destroys it.
 */
export async function attachDevices(
  host: Host,
  descriptions: readonly DeviceDescription[],
  options: DeviceOptions = {},
): Promise<void> {
  const results = await Promise.allSettled(
    descriptions.map((description) => attachDevice(host, description, options)),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
