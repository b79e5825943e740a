/** Releasing what a device held on the host, by our own record of it. */
import type { DeviceAddress, HotplugPlan } from '../devices/device.ts';
import type { DeviceOptions } from '../devices/timeouts.ts';
import type { Host } from '../host/host.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { DOM0 } from '../ids.ts';
import { deviceRecordPath, ownDeviceRecordPath } from '../xenstore/path.ts';
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
  if ((await listChildren(host.store, own)).length === 0) {
    await disconnectForXl(host, address, options);
    return;
  }
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

/** A device that xl attached: its script takes it away, as xl itself would do (libxl__device_from_backend, `script`). */
async function disconnectForXl(
  host: Host,
  address: DeviceAddress,
  { signal }: DeviceOptions,
): Promise<void> {
  const { backend, backendKind, kind, devid, frontend } = address;
  const script = await host.store.find(`${deviceRecordPath(address)}/script`);
  if (script === undefined || backend !== DOM0) return;
  if (backendKind !== 'vbd' && backendKind !== 'vif') return;
  const link = `${kind}${frontend}.${devid}`;
  const env = backendKind === 'vif' ? { vif: link, netdev: link } : {};
  const plan = { kind: 'script', script, type: backendKind, env } as const;
  await runHotplugScript(host, address, plan, { what: 'remove', signal });
}

function scriptPlan(
  script: string,
  type: 'vbd' | 'vif',
  env: string | undefined,
): Extract<HotplugPlan, { kind: 'script' }> {
  // Written by attachChange, where only Dom0 writes.
  return { kind: 'script', script, type, env: JSON.parse(env ?? '{}') as Record<string, string> };
}
