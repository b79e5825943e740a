import { DeviceError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { HotplugServices } from './hotplug-services.ts';

/** The host's hotplug. Throws HOTPLUG_FAILED on a host that has none. */
export function getHotplug(host: Host): HotplugServices {
  if (host.hotplug !== undefined) return host.hotplug;
  throw new DeviceError('HOTPLUG_FAILED', {
    message: `The host ${host.uri} cannot connect disks and networks: it has no hotplug services`,
    context: { uri: host.uri },
  });
}
