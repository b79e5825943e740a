/** What tests of a simulated host do as a toolstack would: a guest up to its first unpause, devices, and waiting. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GuestType } from '@xenops/core/hypervisor';
import { DOM0, randomVmUuid, type Domid } from '@xenops/core/ids';
import { ownedBy } from '@xenops/core/xenstore';
import { simulatedKernel } from '../hypervisor/kernel-image.ts';
import type { SimHost } from '../sim-host.ts';

export interface GuestOptions {
  readonly cmdline?: string;
  readonly guestType?: Exclude<GuestType, 'hvm'>;
  readonly memoryKib?: number;
  readonly maxVcpus?: number;
}

/** Writes the kernel into the folder; its path. */
export async function writeKernel(folder: string): Promise<string> {
  const kernelPath = path.join(folder, 'linux');
  await writeFile(kernelPath, simulatedKernel());
  return kernelPath;
}

/** Everything that a toolstack does before the first unpause. */
export async function buildGuest(
  host: Pick<SimHost, 'hypervisor' | 'store'>,
  kernelPath: string,
  options: GuestOptions = {},
): Promise<Domid> {
  const { hypervisor, store } = host;
  const { cmdline = '', guestType = 'pv', memoryKib = 16_384, maxVcpus = 2 } = options;
  const spec = { uuid: randomVmUuid(), guestType, maxVcpus };
  const domid = await hypervisor.createDomain(spec);
  await hypervisor.setMaxMemory(domid, memoryKib + 1024);
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  await makeHome(host, domid);
  const { storeFrame } = await hypervisor.buildDomain(domid, {
    kind: guestType,
    kernelPath,
    cmdline,
    memoryKib,
    storeEvtchn,
    storeDomid: DOM0,
    consoleEvtchn,
    consoleDomid: DOM0,
  });
  await store.write(`/local/domain/${domid}/memory/target`, String(memoryKib));
  await store.introduce(domid, storeFrame, storeEvtchn);
  return domid;
}

/** The domain's own nodes, with the owners that libxl gives them. */
export async function makeHome({ store }: Pick<SimHost, 'store'>, domid: Domid): Promise<void> {
  const home = `/local/domain/${domid}`;
  await store.mkdir(home);
  await store.setPermissions(home, ownedBy(DOM0, domid));
  for (const node of ['device', 'memory']) {
    await store.mkdir(`${home}/${node}`);
  }
  for (const node of ['shutdown', 'feature-poweroff', 'feature-reboot', 'feature-suspend']) {
    await store.write(`${home}/control/${node}`, '');
    await store.setPermissions(`${home}/control/${node}`, ownedBy(domid));
  }
}

/** Both ends of a device in state Initialising; the paths of them. */
export async function addDevice(
  { store }: Pick<SimHost, 'store'>,
  domid: Domid,
  device: { readonly kind: string; readonly backendKind?: string; readonly devid?: number },
): Promise<{ readonly frontend: string; readonly backend: string }> {
  const { kind, backendKind = kind, devid = 0 } = device;
  const frontend = `/local/domain/${domid}/device/${kind}/${devid}`;
  const backend = `/local/domain/0/backend/${backendKind}/${domid}/${devid}`;
  await store.transaction(async (tree) => {
    await tree.mkdir(frontend);
    await tree.setPermissions(frontend, ownedBy(domid, DOM0));
    await tree.mkdir(backend);
    await tree.setPermissions(backend, ownedBy(DOM0, domid));
    await tree.write(`${frontend}/backend`, backend);
    await tree.write(`${frontend}/backend-id`, '0');
    await tree.write(`${frontend}/state`, '1');
    await tree.write(`${backend}/frontend`, frontend);
    await tree.write(`${backend}/frontend-id`, String(domid));
    await tree.write(`${backend}/online`, '1');
    await tree.write(`${backend}/state`, '1');
  });
  return { frontend, backend };
}

/** Resolves once the node, looked at whenever it changes, satisfies. */
export async function waitForNode(
  { store }: Pick<SimHost, 'store'>,
  node: string,
  isRight: (value: string | undefined) => boolean,
): Promise<void> {
  await using watch = await store.watch(node);
  for await (const _event of watch) if (isRight(await store.find(node))) return;
}

/** Resolves once the domain is shut down; its reason. */
export async function waitForShutdown(
  { hypervisor, store }: Pick<SimHost, 'hypervisor' | 'store'>,
  domid: Domid,
): Promise<string | undefined> {
  await using watch = await store.watch('@releaseDomain');
  for await (const _event of watch) {
    const info = await hypervisor.findDomain(domid);
    if (info?.shutdown !== false) return info?.shutdownReason;
  }
  return undefined;
}

/** Lets everything run that waits only for promises and what they lead to. */
export async function settle(rounds = 50): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
