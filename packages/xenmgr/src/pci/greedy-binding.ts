/** Devices that VMs are to have are kept from Dom0's drivers from the start on, where their VMs ask for it. */
import { findPciAddress } from '@xenops/core/hypervisor';
import { makePciAssignable } from '@xenops/core/pci';
import type { Surroundings } from '../manager/manager.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { ptDevices } from './pt-devices.ts';
import { ptRules } from './pt-rules.ts';

/** What it takes to keep one device for guests. */
export type KeepDevice = typeof makePciAssignable;

/** Keeps the devices of all VMs with `greedy-pciback-bind` and rules. One that cannot be kept is logged: its VM will say why. */
export async function bindGreedily(
  around: Pick<Surroundings, 'database' | 'host' | 'log' | 'places'>,
  keep: KeepDevice = makePciAssignable,
): Promise<void> {
  const { database, host, log } = around;
  const view = database.view();
  const greedy = vmUuids(view).filter(
    (uuid) => vmSettings(view, uuid).flag('greedy-pciback-bind') && ptRules(view, uuid).length > 0,
  );
  const found = await Promise.all(greedy.map(async (uuid) => ptDevices(around, uuid)));
  for (const text of new Set(found.flat().map(({ device }) => device.address))) {
    const address = findPciAddress(text);
    if (address === undefined) continue;
    await keep(host, address).catch((error: unknown) => {
      log.log('warn', `The PCI device ${text} is not kept for guests yet`, error);
    });
  }
}
