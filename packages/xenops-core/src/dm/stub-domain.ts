/**
 * A device model in a domain of its own, so that who takes it over has no process in Dom0: a small Linux that runs qemu for one HVM guest
 * (libxl_dm.c, `libxl__spawn_stub_dm`). Its consoles beyond the first are files of Dom0: what it logs, and the state that it saves and goes on from.
 */
import { attachDevices } from '../devices/of-config.ts';
import { describeConsole } from '../devices/classes/console.ts';
import { buildDomain } from '../domain/build.ts';
import { readDomainConfig } from '../domain/config-record.ts';
import { createDomain } from '../domain/create.ts';
import { destroyDomain } from '../domain/destroy.ts';
import { getDomain } from '../domain/record.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { withUndo } from '../domain/with-undo.ts';
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, randomVmUuid, type Domid, type VmUuid } from '../ids.ts';
import { valueBecomes } from '../xenstore/conditions.ts';
import { applyTreeChange, type TreeChange } from '../xenstore/nodes.ts';
import { domainPath, ownRecordPath, vmPath } from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { waitFor } from '../xenstore/wait.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { deviceModelConfig, startDomainDeviceModel } from './from-config.ts';
import type { QmpOptions } from './qmp.ts';

export interface StubDomainConfig {
  readonly kernelPath: string;
  /** Its root file system, unless the kernel has one in itself. */
  readonly ramdiskPath?: string | undefined;
  readonly cmdline?: string | undefined;
  /** 128 MiB unless said, what qemu and a small Linux need. */
  readonly memoryKib?: number | undefined;
}

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
  const { name } = await readDomainConfig(host, target);
  return withUndo(`Starting the stub domain of domain ${target}`, async (undo) => {
    const stub = await makeStub(host, `${name}-dm`, config);
    undo.push(`the stub domain ${stub.domid}`, async () => {
      await host.store.transaction((tree) => removeLink(tree, { domid: target, uuid }));
      await destroyDomain(host, stub.domid, { timeoutMs: DESTROY_TIMEOUT_MS });
    });
    const change = stubTree({ stub, target: { domid: target, uuid } });
    await host.store.transaction((tree) => applyTreeChange(tree, change));
    await host.hypervisor.setTarget(stub.domid, target);
    await host.store.setTarget(stub.domid, target);
    await attachConsoles(host, stub.domid, { name, target }, options);
    await host.hypervisor.unpause(stub.domid);
    const { signal, timeoutMs = START_TIMEOUT_MS } = options;
    const state = domainPath(stub.domid, 'device-model', target, 'state');
    const clock = host.services.clock;
    await waitFor(host.store, valueBecomes(state, 'running'), { timeoutMs, signal, clock });
    return stub.domid;
  });
}

interface NamedDomain {
  readonly domid: Domid;
  readonly uuid: VmUuid;
}

async function makeStub(
  host: Host,
  name: string,
  { kernelPath, ramdiskPath, cmdline = '', memoryKib = MEMORY_KIB }: StubDomainConfig,
): Promise<NamedDomain> {
  const uuid = randomVmUuid();
  return withUndo(`Making ${name}`, async (undo) => {
    const domid = await createDomain(host, { uuid, guestType: 'pv', name, maxVcpus: 1 });
    undo.push(`domain ${domid}`, () =>
      destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS }),
    );
    const kernel = { kernelPath, ramdiskPath, cmdline };
    await buildDomain(host, domid, { kind: 'pv', ...kernel, memoryKib, vcpus: 1 });
    return { domid, uuid };
  });
}

/** Who serves whom, for both of them, for xl, and on our own record, by which the stub is destroyed. */
export function stubTree({
  stub,
  target,
}: {
  readonly stub: NamedDomain;
  readonly target: NamedDomain;
}): TreeChange {
  return {
    rm: [],
    write: [
      { path: ownRecordPath(target.domid, 'stub-domain'), value: `${stub.domid} ${stub.uuid}` },
      { path: domainPath(stub.domid, 'target'), value: String(target.domid) },
      { path: domainPath(target.domid, 'image/device-model-domid'), value: String(stub.domid) },
      {
        path: domainPath(stub.domid, 'device-model', target.domid),
        permissions: ownedBy(stub.domid, target.domid),
      },
      {
        path: vmPath(target.uuid, 'rtc/timeoffset'),
        value: '',
        permissions: {
          owner: DOM0,
          others: 'none',
          listed: [
            { domid: target.domid, access: 'read' },
            { domid: stub.domid, access: 'both' },
          ],
        },
      },
    ],
  };
}

/** What of that lies with the guest. */
async function removeLink(tree: XenStoreTree, { domid, uuid }: NamedDomain): Promise<void> {
  await Promise.all([
    tree.rm(ownRecordPath(domid, 'stub-domain')),
    tree.rm(domainPath(domid, 'image/device-model-domid')),
    tree.rm(vmPath(uuid, 'rtc')),
  ]);
  await pruneEmpty(tree, [domainPath(domid, 'image')]);
}

/** Served by a device model of Dom0, as everything of a PV guest beyond its first console. */
async function attachConsoles(
  host: Host,
  stub: Domid,
  { name, target }: { readonly name: string; readonly target: Domid },
  options: QmpOptions,
): Promise<void> {
  const folder = host.services.stateFolder ?? STATE_FOLDER;
  const outputs = [
    `file:${LOG_FOLDER}/qemu-dm-${name.replaceAll(/[^\w.-]/g, '_')}.log`,
    `file:${folder}/qemu-save.${target}`,
    `pipe:${folder}/qemu-resume.${target}`,
    'pty',
  ];
  const consoles = outputs.map((output, index) =>
    describeConsole(stub, { devid: index + 1, server: 'device-model', output }),
  );
  await attachDevices(host, consoles, { signal: options.signal });
  const config = deviceModelConfig(stub, await readDomainConfig(host, stub));
  await using _model = await startDomainDeviceModel(host, config, options);
}
