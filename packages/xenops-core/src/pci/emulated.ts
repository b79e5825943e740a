/** The same devices in the device model of a guest with firmware, which shows them on its emulated bus (qemu, hw/xen/xen_pt.c). */
import type { QmpClient, QmpOptions } from '../dm/qmp.ts';
import type { Clock } from '../host/clock.ts';
import { formatPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import { withDeadline } from '../lifetime/deadline.ts';

/** A guest may have to finish what it does with the device first. */
const RELEASE_TIMEOUT_MS = 10_000;

/** What of a device model is needed. */
interface Steered {
  readonly qmp: Pick<QmpClient, 'execute' | 'onEvent'>;
}

/** libxl's name of it in qemu (`PCI_PT_QDEV_ID`). */
export function emulatedId({ bus, slot, fn }: PciAddress): string {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `pci-pt-${hex(bus)}_${hex(slot)}.${fn}`;
}

/** Plugs the device into the emulated bus. Rejects with DM_COMMAND_FAILED, DM_UNAVAILABLE, TIMEOUT or ABORTED. */
export async function plugEmulated(
  model: Steered,
  address: PciAddress,
  { permissive, ...options }: QmpOptions & { readonly permissive: boolean },
): Promise<void> {
  await model.qmp.execute(
    'device_add',
    {
      driver: 'xen-pci-passthrough',
      id: emulatedId(address),
      hostaddr: formatPciAddress(address),
      ...(permissive ? { permissive: true } : {}),
    },
    options,
  );
}

/** Asks the guest to let go and waits until qemu has. Rejects as `plugEmulated`. */
export async function unplugEmulated(
  model: Steered,
  address: PciAddress,
  { signal, clock }: { readonly signal?: AbortSignal | undefined; readonly clock: Clock },
): Promise<void> {
  const id = emulatedId(address);
  const what = `the guest to let go of the PCI device ${formatPciAddress(address)}`;
  await withDeadline({ what }, { timeoutMs: RELEASE_TIMEOUT_MS, signal, clock }, async (own) => {
    let listener: Disposable | undefined;
    const deleted = new Promise<void>((resolve) => {
      listener = model.qmp.onEvent(({ name, data }) => {
        if (name === 'DEVICE_DELETED' && data['device'] === id) resolve();
      });
    });
    own.addEventListener('abort', () => listener?.[Symbol.dispose](), { once: true });
    try {
      await model.qmp.execute('device_del', { id }, { signal: own });
      await deleted;
    } finally {
      listener?.[Symbol.dispose]();
    }
  });
}
