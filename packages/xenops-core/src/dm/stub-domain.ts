/**
 * A device model in a domain of its own, so that who takes it over has no process in Dom0: a small Linux that runs qemu for one HVM guest
 * (libxl_dm.c, `libxl__spawn_stub_dm`). Its disks are the guest's, its consoles files and terminals of Dom0.
 */
import { attachDevices } from '../devices/of-config.ts';
import { buildDomain } from '../domain/build.ts';
import { readDomainConfig } from '../domain/config-record.ts';
import { createDomain } from '../domain/create.ts';
import { destroyDomain } from '../domain/destroy.ts';
import { getDomain } from '../domain/record.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { withUndo } from '../domain/with-undo.ts';
import type { DomainConfig } from '../domain/xl-config.ts';
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { randomVmUuid, type Domid, type VmUuid } from '../ids.ts';
import { valueBecomes } from '../xenstore/conditions.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { domainPath, ownRecordPath, vmPath } from '../xenstore/path.ts';
import { waitFor } from '../xenstore/wait.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import {
  deviceModelConfig,
  startDomainDeviceModel,
  type DeviceModelExtras,
} from './from-config.ts';
import type { QmpOptions } from './qmp.ts';
import { stubArguments, stubDevices } from './stub-arguments.ts';
import { logConsole, stubTree, type NamedDomain } from './stub-layout.ts';

export interface StubDomainConfig {
  readonly kernelPath: string;
  /** Its root file system, unless the kernel has one in itself. */
  readonly ramdiskPath?: string | undefined;
  readonly cmdline?: string | undefined;
  /** 128 MiB unless said, what qemu and a small Linux need. */
  readonly memoryKib?: number | undefined;
  /** A random one unless said. */
  readonly uuid?: VmUuid | undefined;
  /** What its qemu is to be besides what the guest's own configuration says. */
  readonly model?: StubModel | undefined;
}

/** Its screen, its serial port and its state are where the stub domain has them. */
export type StubModel = Pick<
  DeviceModelExtras,
  'bootOrder' | 'card' | 'sound' | 'usbTablet' | 'extraArgs'
>;

const MEMORY_KIB = 131_072;
/** libxl's (LIBXL_STUBDOM_START_TIMEOUT). */
const START_TIMEOUT_MS = 30_000;
const DESTROY_TIMEOUT_MS = 120_000;
const LOG_FOLDER = '/var/log/xen';
const STATE_FOLDER = '/var/lib/xen';

/**
 * Makes the stub domain of an HVM guest that has been built, and waits until its device model serves. It is destroyed with its guest. Rejects with
 * DOMAIN_WRONG_STATE, the errors of making a domain, TIMEOUT or ABORTED; there is no new domain then.
 */
export async function startStubDomain(
  host: Host,
  target: Domid,
  config: StubDomainConfig,
  options: QmpOptions = {},
): Promise<Domid> {
  const { guestType, uuid } = await getDomain(host, target);
  if (guestType !== 'hvm') {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${target} is ${guestType}; a stub domain serves HVM guests`,
      context: { domid: target, guestType },
    });
  }
  const guest = await readDomainConfig(host, target);
  const argv = stubArguments(deviceModelConfig(target, guest, config.model));
  return withUndo(`Starting the stub domain of domain ${target}`, async (undo) => {
    const stub = await makeStub(host, guest.name, config);
    undo.push(`the stub domain ${stub.domid}`, async () => {
      await host.store.transaction((tree) => removeLink(tree, { domid: target, uuid }));
      await destroyDomain(host, stub.domid, { timeoutMs: DESTROY_TIMEOUT_MS });
    });
    const change = stubTree({ stub, target: { domid: target, uuid }, argv });
    await host.store.transaction((tree) => applyTreeChange(tree, change));
    await host.hypervisor.setTarget(stub.domid, target);
    await host.store.setTarget(stub.domid, target);
    await connectStub(host, stub.domid, { guest, target }, options);
    await host.hypervisor.unpause(stub.domid);
    const { signal, timeoutMs = START_TIMEOUT_MS } = options;
    const state = domainPath(stub.domid, 'device-model', target, 'state');
    const clock = host.services.clock;
    await waitFor(host.store, valueBecomes(state, 'running'), { timeoutMs, signal, clock });
    return stub.domid;
  });
}

async function makeStub(
  host: Host,
  guestName: string,
  {
    kernelPath,
    ramdiskPath,
    cmdline = '',
    memoryKib = MEMORY_KIB,
    uuid = randomVmUuid(),
  }: StubDomainConfig,
): Promise<NamedDomain> {
  const name = `${guestName}-dm`;
  const logPath = `${LOG_FOLDER}/qemu-dm-${guestName.replaceAll(/[^\w.-]/g, '_')}.log`;
  return withUndo(`Making ${name}`, async (undo) => {
    const domid = await createDomain(host, { uuid, guestType: 'pv', name, maxVcpus: 1 });
    undo.push(`domain ${domid}`, () =>
      destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS }),
    );
    const kernel = { kernelPath, ramdiskPath, cmdline };
    const xenstoreData = logConsole(logPath);
    await buildDomain(host, domid, { kind: 'pv', ...kernel, memoryKib, vcpus: 1, xenstoreData });
    return { domid, uuid };
  });
}

/** What of the link lies with the guest. */
async function removeLink(tree: XenStoreTree, { domid, uuid }: NamedDomain): Promise<void> {
  await Promise.all([
    tree.rm(ownRecordPath(domid, 'stub-domain')),
    tree.rm(domainPath(domid, 'image/device-model-domid')),
    tree.rm(vmPath(uuid, 'rtc')),
    tree.rm(vmPath(uuid, 'image')),
  ]);
  await pruneEmpty(tree, [domainPath(domid, 'image')]);
}

/** Gives the stub its devices, and the device model in Dom0 that serves its consoles and disk images. */
async function connectStub(
  host: Host,
  stub: Domid,
  { guest, target }: { readonly guest: DomainConfig; readonly target: Domid },
  options: QmpOptions,
): Promise<void> {
  const folder = host.services.stateFolder ?? STATE_FOLDER;
  const devices = stubDevices(stub, guest, `${folder}/qemu-save.${target}`);
  await attachDevices(host, devices, { signal: options.signal });
  const config = deviceModelConfig(stub, await readDomainConfig(host, stub));
  await using _model = await startDomainDeviceModel(host, config, options);
}
