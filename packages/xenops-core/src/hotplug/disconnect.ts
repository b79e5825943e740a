/** Releasing what a device held on the host, by our own record of it. */
import type { DeviceAddress, HotplugPlan } from '../devices/device.ts';
import type { DeviceOptions } from '../devices/timeouts.ts';
import type { Host } from '../host/host.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { ownDeviceRecordPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import { getHotplug } from './get-hotplug.ts';
import { runHotplugScript } from './script.ts';

/** Releases it; a device without a record of ours held nothing. Rejects with HOTPLUG_FAILED, TIMEOUT or ABORTED. */
export async function disconnectHotplug(
  host: Host,
  address: DeviceAddress,
  options: DeviceOptions,
): Promise<void> {
  const own = ownDeviceRecordPath(address);
  if ((await listChildren(host.store, own)).length === 0) return;
  const keys = ['hotplug', 'loop-device', 'link', 'script', 'type', 'env'];
  const values = await findMany(
    host.store,
    keys.map((key) => `${own}/${key}`),
  );
  const [kind, loop, link, script, type, env] = values;
  if (loop !== undefined) await getHotplug(host).detachLoop(loop);
  if (kind === 'bridge' && link !== undefined) await getHotplug(host).leaveBridge(link);
  if (kind === 'script' && script !== undefined && (type === 'vbd' || type === 'vif')) {
    await runHotplugScript(host, address, scriptPlan(script, type, env), {
      what: 'remove',
      signal: options.signal,
    });
  }
}

function scriptPlan(
  script: string,
  type: 'vbd' | 'vif',
  env: string | undefined,
): Extract<HotplugPlan, { kind: 'script' }> {
  // Written by attachChange, where only Dom0 writes.
  return { kind: 'script', script, type, env: JSON.parse(env ?? '{}') as Record<string, string> };
}
