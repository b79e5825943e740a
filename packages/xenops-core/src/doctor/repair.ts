/** Releasing what was found. Whether it still belongs to nobody is asked again right before. */
import { detachDevice } from '../devices/detach.ts';
import { releaseConfinement } from '../dm/confinement.ts';
import { recoverBuilds } from '../domain/build-mark.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { DomainError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { withDeadline } from '../lifetime/deadline.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import { releaseDeadPci } from '../pci/detach.ts';
import {
  backendPath,
  deviceModelPath,
  deviceModelsPath,
  domainPath,
  RECORD_ROOT,
  recordPath,
  VM_ROOT,
  vmPath,
} from '../xenstore/path.ts';
import type { Leftover } from './leftover.ts';

/** What qemu gets to flush its disks after it was asked to end. */
const STOP_TIMEOUT_MS = 10_000;

/** What came of one leftover. */
export interface Repair {
  readonly leftover: Leftover;
  /** `kept`: it belongs to somebody by now. */
  readonly outcome: 'released' | 'kept' | 'failed';
  readonly error?: unknown;
}

/** Releases all of them, in order; one that fails does not keep the others. */
export async function repairLeftovers(
  host: Host,
  leftovers: readonly Leftover[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const leftover of leftovers) {
    signal?.throwIfAborted();
    repairs.push(await repairOne(host, leftover));
  }
  return repairs;
}

async function repairOne(host: Host, leftover: Leftover): Promise<Repair> {
  try {
    if (await isWanted(host, leftover)) return { leftover, outcome: 'kept' };
    await release(host, leftover);
    return { leftover, outcome: 'released' };
  } catch (error) {
    return { leftover, outcome: 'failed', error };
  }
}

/** Whether a domain has come to life that it belongs to. */
async function isWanted({ hypervisor }: Host, leftover: Leftover): Promise<boolean> {
  if (leftover.kind === 'vm-nodes') {
    const domains = await hypervisor.listDomains();
    return domains.some(({ uuid }) => uuid === leftover.uuid);
  }
  if (leftover.kind === 'file' || leftover.kind === 'build-mark' || leftover.kind === 'zombie')
    return false;
  return (await hypervisor.findDomain(leftover.domid)) !== undefined;
}

async function release(host: Host, leftover: Leftover): Promise<void> {
  switch (leftover.kind) {
    case 'build-mark':
      await recoverBuilds(host);
      return;
    case 'device-model':
      await endModel(host, leftover);
      return;
    case 'device':
      await detachDevice(host, leftover.address, { mode: 'force' });
      return;
    case 'loop-device':
      await getHotplug(host).detachLoop(leftover.devicePath);
      return;
    case 'pci-device':
      await releaseDeadPci(host, leftover.domid, leftover.address);
      return;
    case 'backend': {
      const { backend, backendKind: kind, domid: frontend } = leftover;
      await removeAndPrune(host, backendPath({ backend, kind, frontend }), [
        domainPath(backend, 'backend', kind),
        domainPath(backend, 'backend'),
      ]);
      return;
    }
    case 'device-model-nodes':
      await removeAndPrune(host, deviceModelPath(leftover.domid), [deviceModelsPath()]);
      return;
    case 'record':
      // Whoever a confined device model has left still has its handles of Xen, which would work for the next domain with this number.
      await releaseConfinement(host, leftover.domid);
      await removeAndPrune(host, recordPath(leftover.domid), [RECORD_ROOT]);
      return;
    case 'domain-nodes':
      await forgetDomain(host, leftover.domid);
      return;
    case 'vm-nodes':
      await removeAndPrune(host, vmPath(leftover.uuid), [VM_ROOT]);
      return;
    case 'file':
      await host.services.removeFile(leftover.filePath);
      return;
    case 'zombie':
      throw new DomainError('DOMAIN_WRONG_STATE', {
        message: `Domain ${leftover.domid} stays until whoever maps its memory ends: a back-end in Dom0 or in a driver domain, or a device model`,
        context: { domid: leftover.domid },
      });
  }
}

async function removeAndPrune(host: Host, path: string, above: readonly string[]): Promise<void> {
  await host.store.transaction(async (tree) => {
    await tree.rm(path);
    await pruneEmpty(tree, above);
  });
}

/** xenstored may still hold the ring of a domain whose end it has missed. */
async function forgetDomain({ store }: Host, domid: Domid): Promise<void> {
  if (await store.isIntroduced(domid)) await store.release(domid);
  await store.rm(domainPath(domid));
}

async function endModel(
  { services }: Host,
  { process }: Extract<Leftover, { kind: 'device-model' }>,
): Promise<void> {
  if (!(await services.signalProcess(process, 'SIGTERM'))) return;
  const end = async (): Promise<void> =>
    withDeadline(
      { what: `the device model ${process.pid} to end` },
      { timeoutMs: STOP_TIMEOUT_MS, clock: services.clock },
      (signal) => services.processEnd(process, signal),
    );
  try {
    await end();
  } catch (error) {
    if (!hasCode(error, 'TIMEOUT')) throw error;
    await services.signalProcess(process, 'SIGKILL');
    await end();
  }
}
