/** Network interfaces that go, or go elsewhere. */
import type { Nic, VmConfig } from '../config/index.ts';
import { pendingConfig, stageConfig } from '../life/config-slots.ts';
import { hostCall, isAlive, noDevice } from './device-tasks.ts';
import { vifConfig } from './domain-spec.ts';
import { withNote } from './plugging.ts';
import type { Operation, Vm } from './vm.ts';

/** Takes an interface from the running guest, and from the configuration. */
export async function removeNic(
  vm: Vm,
  { devid, isForced }: { readonly devid: number; readonly isForced: boolean },
  operation: Operation,
): Promise<void> {
  findNic(vm, devid);
  const isPlugged = isAlive(vm) && vm.nics.some((nic) => nic.devid === devid);
  if (!isPlugged) {
    await dropNic(vm, devid);
    return;
  }
  const call = hostCall(vm, 'unplug', operation);
  await withNote(vm, { change: 'remove', kind: 'vif', devid, isForced }, async () => {
    await vm.host.detachDevice(vm.getDomid(), { kind: 'vif', devid, isForced }, call);
    await dropNic(vm, devid);
  });
}

/** The guest has it no more. */
export async function dropNic(vm: Vm, devid: number): Promise<void> {
  await changeNic(vm, devid, () => undefined);
}

/** Has an interface on another network. The guest keeps its card where the host can move its end of it. */
export async function switchNetwork(
  vm: Vm,
  devid: number,
  network: string,
  operation: Operation,
): Promise<void> {
  const change = network.includes('/') ? { network } : { network: '', bridge: network };
  const before = findNic(vm, devid);
  const after = { ...before, ...change };
  if (isAlive(vm)) {
    if (before.backendDomid === 0) {
      const isHvm = vm.spec().domain.build.kind === 'hvm';
      const call = hostCall(vm, 'devices', operation);
      await vm.host.moveNic(vm.getDomid(), vifConfig(after, isHvm), call);
    } else await replug(vm, before, after, operation);
  }
  await changeNic(vm, devid, (nic) => ({ ...nic, ...change }));
}

/** Has another domain serve an interface: it is unplugged and plugged in anew. */
export async function changeBackend(
  vm: Vm,
  devid: number,
  backendDomid: Nic['backendDomid'],
  operation: Operation,
): Promise<void> {
  const before = findNic(vm, devid);
  if (isAlive(vm)) await replug(vm, before, { ...before, backendDomid }, operation);
  await changeNic(vm, devid, (nic) => ({ ...nic, backendDomid }));
}

async function replug(vm: Vm, before: Nic, after: Nic, operation: Operation): Promise<void> {
  const isHvm = vm.spec().domain.build.kind === 'hvm';
  const [oldVif, newVif] = [vifConfig(before, isHvm), vifConfig(after, isHvm)];
  const domid = vm.getDomid();
  const call = hostCall(vm, 'devices', operation);
  const { devid } = before;
  await vm.host.detachDevice(domid, { kind: 'vif', devid, isForced: true }, call);
  try {
    await vm.host.attachNic(domid, newVif, call);
  } catch (error) {
    // As it was, should the new network not take it.
    await vm.host.attachNic(domid, oldVif, { ...call, signal: new AbortController().signal });
    throw error;
  }
}

/** Interfaces keep the numbers and addresses they have now. */
async function changeNic(
  vm: Vm,
  devid: number,
  change: (nic: Nic) => Nic | undefined,
): Promise<void> {
  const apply = (nics: readonly Nic[], config: VmConfig): VmConfig => ({
    ...config,
    nics: nics.flatMap((nic) => {
      const changed = nic.devid === devid ? change(nic) : nic;
      return changed === undefined
        ? []
        : [{ ...changed, mac: { kind: 'given', mac: changed.mac } as const }];
    }),
  });
  if (!isAlive(vm)) {
    const next = pendingConfig(vm.config);
    vm.setConfig(stageConfig(vm.config, apply(nicsOf(vm, next), next)));
    return;
  }
  vm.changeConfigs((config) => apply(nicsOf(vm, config), config));
  await vm.save();
}

/** Those of the current configuration as they are in the guest. */
function nicsOf({ configs }: Vm, config: VmConfig): readonly Nic[] {
  return config === configs.slots.current ? configs.nics : configs.nicsOf(config);
}

function findNic(vm: Vm, devid: number): Nic {
  const config = isAlive(vm) ? vm.config.current : pendingConfig(vm.config);
  const found = [...nicsOf(vm, config), ...nicsOf(vm, pendingConfig(vm.config))].find(
    (nic) => nic.devid === devid,
  );
  if (found === undefined) throw noDevice(`network interface ${devid}`);
  return found;
}
