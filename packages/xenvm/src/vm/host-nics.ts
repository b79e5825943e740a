/** Moving the host's end of a network interface to another bridge, which the guest does not notice: its card, its address and its driver stay. */
import type { VifConfig } from '@xenops/core/devices';
import { listDeviceAddresses, updateXlFile } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { getHotplug } from '@xenops/core/hotplug';
import { DOM0, type Domid } from '@xenops/core/ids';
import { CleanupStack } from '@xenops/core/lifetime';
import {
  deviceBackendPath,
  deviceRecordPath,
  ownDeviceRecordPath,
} from '@xenops/core/xenstore/path';

/**
 * Moves the interface to the bridge of `after`, which is on no other in between. False when that is not in our hands: another domain serves
 * it, or a script connects it; it must be plugged in anew then. Rejects with HOTPLUG_FAILED; it is where it was then.
 */
export async function moveNic(
  host: Host,
  domid: Domid,
  before: VifConfig,
  after: VifConfig,
): Promise<boolean> {
  const address = (await listDeviceAddresses(host.store, domid)).find(
    ({ kind, devid }) => (kind === 'vif' || kind === 'vwif') && devid === after.devid,
  );
  if (address?.backend !== DOM0) return false;
  const own = ownDeviceRecordPath(address);
  const [how, link] = await Promise.all([
    host.store.find(`${own}/hotplug`),
    host.store.find(`${own}/link`),
  ]);
  if (how !== 'bridge' || link === undefined) return false;
  const hotplug = getHotplug(host);
  const emulated = `vif${domid}.${after.devid}-emu`;
  const present = (await hotplug.listLinks()).map(({ name }) => name);
  const links = [link, ...(after.isEmulated === true ? [emulated] : [])].filter((name) =>
    present.includes(name),
  );
  const undo = new CleanupStack();
  try {
    for (const name of links) {
      undo.push(`the bridge of ${name}`, () => hotplug.joinBridge(name, before.network.bridge));
      await hotplug.joinBridge(name, after.network.bridge);
    }
    await host.store.transaction(async (tree) => {
      const { bridge } = after.network;
      await Promise.all([
        tree.write(`${deviceBackendPath(address)}/bridge`, bridge),
        tree.write(`${deviceRecordPath(address)}/bridge`, bridge),
        tree.write(`${own}/bridge`, bridge),
        tree.write(`${own}/config`, JSON.stringify(after)),
      ]);
    });
  } catch (error) {
    await undo.unwind();
    throw error;
  }
  await updateXlFile(host, domid);
  return true;
}
