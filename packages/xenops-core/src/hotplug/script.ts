/** Hotplug scripts with Xen's contract: environment, arguments, result (docs/misc/block-scripts.txt, tools/libs/light/libxl_linux.c). */
import { DeviceError } from '../errors.ts';
import { deviceName, type DeviceAddress, type HotplugPlan } from '../devices/device.ts';
import { DEVICE_TIMEOUTS, type DeviceOptions } from '../devices/timeouts.ts';
import type { Host } from '../host/host.ts';
import { guestText } from '../parse/guest-text.ts';
import { deviceBackendPath } from '../xenstore/path.ts';
import { getHotplug } from './get-hotplug.ts';

type ScriptPlan = Extract<HotplugPlan, { kind: 'script' }>;

const ARGS = {
  vbd: { add: ['add'], remove: ['remove'] },
  vif: { add: ['online', 'type_if=vif'], remove: ['offline', 'type_if=vif'] },
} as const;

/** Runs the script. Rejects with HOTPLUG_FAILED that quotes what it said, TIMEOUT or ABORTED. */
export async function runHotplugScript(
  host: Host,
  address: DeviceAddress,
  { script, type, env = {} }: ScriptPlan,
  {
    what,
    signal,
    timeoutMs = DEVICE_TIMEOUTS.hotplugMs,
  }: DeviceOptions & { readonly what: 'add' | 'remove' },
): Promise<void> {
  const back = deviceBackendPath(address);
  const { exitStatus, output } = await getHotplug(host).runScript(
    {
      path: script,
      args: ARGS[type][what],
      env: {
        ...env,
        script,
        XENBUS_TYPE: type,
        XENBUS_PATH: back.slice(back.indexOf('backend/')),
        XENBUS_BASE_PATH: 'backend',
      },
      timeoutMs,
    },
    { signal },
  );
  if (exitStatus === 0) return;
  const error = await host.store.find(`${back}/hotplug-error`);
  throw new DeviceError('HOTPLUG_FAILED', {
    message: `${script} ${ARGS[type][what].join(' ')} for ${deviceName(address)} failed: ${guestText(error ?? output.trim())}`,
    context: { ...address, script, exitStatus },
  });
}
