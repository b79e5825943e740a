/** Moving the interface of a running guest to another network. */
import type { Manager } from '../manager/manager.ts';
import type { DeviceId } from '../objects/paths.ts';
import { networkPath } from '../vm-config/device-lines.ts';

const LOCK_TIMEOUT_MS = 30_000;

/** Has a running guest's interface on the network that its settings say now; nothing happens to a VM that does not run. */
export async function moveLiveNic(
  { life, locks, monitors, peers }: Manager,
  { uuid, id }: DeviceId,
  network: string,
): Promise<void> {
  const domid = life.domid(uuid);
  if (domid < 0) return;
  using _lock = await locks.acquire(['network'], `moving interface ${id} of ${uuid}`, {
    timeoutMs: LOCK_TIMEOUT_MS,
  });
  const path = networkPath(network);
  await monitors.call(uuid, 'nic-network-switch', { id: String(id), network: path });
  if (await peers.network.isPresent()) await peers.network.moveToNetwork(`vif${domid}.${id}`, path);
}
