/** Power states of guests: sleep (ACPI S3), hibernation (S4), waking, the power button. */
import { readOnlineVcpus, setOnlineVcpus } from '@xenops/core/domain';
import type { DeviceModel, QmpClient } from '@xenops/core/dm';
import { hasCode } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { RELEASE_DOMAIN, domainPath, shutdownRequestPath } from '@xenops/core/xenstore/path';
import { waitFor } from '@xenops/core/xenstore';
import { withDeadline } from '@xenops/core/lifetime';
import { VmError } from '../life/vm-error.ts';
import type { HostCall } from './vm-host.ts';

/** ACPI's number of the state in which a guest sleeps. */
export const ACPI_ASLEEP = 3;
/** And of the one in which it runs. */
export const ACPI_AWAKE = 0;

/** Where OpenXT's device model says in which power state the guest is. */
const POWER_STATE_NODE = 'power-state';
/** What OpenXT's agent beside a device model waits for. */
const WAKE_NODE = 'wakeup-req';

/** The words of OpenXT's drivers in `control/shutdown`. */
const REQUESTS = { sleep: 's3', hibernate: 'hibernate' } as const;
export type PowerRequest = keyof typeof REQUESTS;

/** Whether Xen says that the guest sleeps. */
export async function isAsleep({ hypervisor }: Host, domid: Domid): Promise<boolean> {
  return Number(await hypervisor.hvmParam(domid, 'acpi-s-state')) === ACPI_ASLEEP;
}

/**
 * Asks the guest for it and waits until it has done so; a guest that hibernates powers off at the end. Drivers are asked in xenstore; the sleep
 * button is pressed where there are none, or where they took the request and did nothing, as those of Linux do (drivers/xen/manage.c). Rejects
 * with VM_NOT_SUPPORTED (nobody could do it, or the guest ended otherwise) and TIMEOUT; the request is withdrawn then.
 */
export async function requestPower(
  host: Host,
  domid: Domid,
  request: PowerRequest,
  { model, signal, timeoutMs }: HostCall & { readonly model: DeviceModel | undefined },
): Promise<void> {
  const { hypervisor, store } = host;
  const path = shutdownRequestPath(domid);
  const awaited = {
    what: `the guest in domain ${domid} to ${request}`,
    paths: [path, domainPath(domid, POWER_STATE_NODE), RELEASE_DOMAIN],
    ...{ model, signal },
  };
  const look = (): Promise<true | undefined> => hasReached(host, domid, request);
  const press = async (restMs: number): Promise<void> => {
    await hypervisor.sendTrigger(domid, 'sleep');
    await untilLook(host, look, { ...awaited, timeoutMs: restMs });
  };
  if ((await hypervisor.hvmParam(domid, 'callback-irq')) === 0n) {
    if (request === 'hibernate') throw withoutDrivers(domid);
    await press(timeoutMs);
    return;
  }
  const firstMs = request === 'sleep' ? Math.min(DRIVER_GRACE_MS, timeoutMs / 2) : timeoutMs;
  await store.write(path, REQUESTS[request]);
  try {
    await untilLook(host, look, { ...awaited, timeoutMs: firstMs });
  } catch (error) {
    const isTaken = !(await withdraw(host, path, REQUESTS[request]));
    if (!isTaken || firstMs === timeoutMs || !hasCode(error, 'TIMEOUT')) throw error;
    await press(timeoutMs - firstMs);
  }
}

/** What drivers that sleep get to do so. */
const DRIVER_GRACE_MS = 10_000;

async function hasReached(
  host: Host,
  domid: Domid,
  request: PowerRequest,
): Promise<true | undefined> {
  const info = await host.hypervisor.findDomain(domid);
  const isDown = info === undefined || info.dying || info.shutdown;
  if (request === 'hibernate') return isDown ? true : undefined;
  if (!isDown) return (await isAsleep(host, domid)) ? true : undefined;
  throw new VmError('VM_NOT_SUPPORTED', {
    message: 'The guest went down in place of going to sleep',
    context: { what: request, domid },
  });
}

/** Takes the request back unless the guest has taken it; whether it was still there. */
async function withdraw({ store }: Host, path: string, request: string): Promise<boolean> {
  return store.transaction(async (tree) => {
    if ((await tree.find(path)) !== request) return false;
    await tree.write(path, '');
    return true;
  });
}

function withoutDrivers(domid: Domid): VmError {
  return new VmError('VM_NOT_SUPPORTED', {
    message: 'The guest has no paravirtual drivers, which alone could have it hibernate',
    context: { what: 'hibernate', domid },
  });
}

interface Awaited {
  readonly what: string;
  readonly paths: readonly string[];
  readonly model: DeviceModel | undefined;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Looks whenever something changes in xenstore, or the device model tells of an event: qemu sets the sleep state, and then says SUSPEND. */
async function untilLook(
  host: Host,
  look: () => Promise<true | undefined>,
  { what, paths, model, signal, timeoutMs }: Awaited,
): Promise<void> {
  await withDeadline({ what }, { timeoutMs, signal, clock: host.services.clock }, async (own) => {
    const stop = new AbortController();
    const both = AbortSignal.any([own, stop.signal]);
    let listening: Disposable | undefined;
    const told = new Promise<true>((resolve, reject) => {
      listening = model?.qmp.onEvent(({ name }) => {
        if (name !== 'SUSPEND') return;
        look().then((found) => (found === true ? resolve(true) : undefined), reject);
      });
    });
    const watching = waitFor(
      host.store,
      { what, paths, look },
      { timeoutMs, signal: both, clock: host.services.clock },
    );
    try {
      await Promise.race([watching, told]);
    } finally {
      listening?.[Symbol.dispose]();
      stop.abort();
      await watching.catch(() => undefined);
    }
  });
}

/** Wakes a guest that sleeps; one that is awake stays so. */
export async function wake(
  host: Host,
  domid: Domid,
  model: DeviceModel | undefined,
): Promise<void> {
  if (!(await isAsleep(host, domid))) return;
  await model?.wakeUp();
  // qemu may have done so already; without one nobody else does.
  if (await isAsleep(host, domid)) await host.hypervisor.sendTrigger(domid, 's3resume');
  await host.store.write(domainPath(domid, WAKE_NODE), '1');
}

/** What of a device model plugging needs. */
export interface PluggingModel {
  readonly qmp: Pick<QmpClient, 'execute'>;
}

/** A place of qemu's for a processor. */
interface CpuSlot {
  readonly driver: string;
  readonly props: Readonly<Record<string, unknown>>;
  readonly isTaken: boolean;
}

/**
 * Has the guest run on its first `count` vcpus. Drivers of PV guests are told in xenstore; the firmware of an HVM guest shows what its device
 * model plugs, and cannot take it back (libxl does the same). Rejects with CONFIG_BAD_VALUE.
 */
export async function setVcpus(
  host: Host,
  domid: Domid,
  count: number,
  model: PluggingModel | undefined,
): Promise<void> {
  await setOnlineVcpus(host, domid, count);
  if (model === undefined) return;
  const wanted = (await readOnlineVcpus(host, domid)).flatMap((isOnline, vcpu) =>
    isOnline ? [vcpu] : [],
  );
  for (const [vcpu, { driver, props, isTaken }] of (await cpuSlots(model)).entries()) {
    if (isTaken || !wanted.includes(vcpu)) continue;
    await model.qmp.execute('device_add', { driver, id: `cpu-${vcpu}`, ...props });
  }
}

/** By rising number. */
async function cpuSlots(model: PluggingModel): Promise<readonly CpuSlot[]> {
  const answer = await model.qmp.execute('query-hotpluggable-cpus').catch((error: unknown) => {
    // A machine type without pluggable processors.
    if (hasCode(error, 'DM_COMMAND_FAILED')) return [];
    throw error;
  });
  const entries: readonly unknown[] = Array.isArray(answer) ? answer : [];
  const slots = entries.flatMap((entry): readonly CpuSlot[] => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { type, props } = entry as Readonly<Record<string, unknown>>;
    if (typeof type !== 'string' || typeof props !== 'object' || props === null) return [];
    const isTaken = 'qom-path' in entry;
    return [{ driver: type, props: props as CpuSlot['props'], isTaken }];
  });
  const place = ({ props }: CpuSlot, level: string): number => Number(props[level] ?? 0);
  return slots.sort(
    (a, b) =>
      place(a, 'socket-id') - place(b, 'socket-id') ||
      place(a, 'core-id') - place(b, 'core-id') ||
      place(a, 'thread-id') - place(b, 'thread-id'),
  );
}
