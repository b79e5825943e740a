/** How long devices may take, as libxl waits (libxl_internal.h, LIBXL_*_TIMEOUT). */
export const DEVICE_TIMEOUTS = {
  /** A driver in a back-end to see a new device, or to let go of one. */
  backendMs: 10_000,
  /** A guest to connect a device that was plugged in while it runs. */
  connectMs: 60_000,
  /** A hotplug script, or that of a driver domain. */
  hotplugMs: 40_000,
  /** A device model that does not answer because its guest is paused or dying, before we close for it. */
  deviceModelGraceMs: 2_000,
} as const;

export interface DeviceOptions {
  readonly signal?: AbortSignal | undefined;
  /** In place of the step's own deadline. */
  readonly timeoutMs?: number | undefined;
}
