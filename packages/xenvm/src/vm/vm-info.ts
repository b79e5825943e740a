/** Everything that `get-info` tells. */
import { renderPciAddress } from '../config/index.ts';
import { changedKeys } from '../life/config-slots.ts';
import { publishedState } from '../life/states.ts';
import type { JsonObject } from '../rpc/json-text-codec.ts';
import type { Vm } from './vm.ts';

/** State and detail, domain, devices as the guest has them, what runs and waits, which keys the next boot changes. */
export async function infoOf(vm: Vm): Promise<JsonObject> {
  const found = vm.domid === undefined ? undefined : await vm.host.findDomain(vm.uuid, vm.domid);
  const { current } = vm.config;
  return {
    uuid: vm.uuid,
    name: current.name ?? null,
    state: publishedState(vm.state),
    detail: vm.detail ?? null,
    domid: vm.domid ?? null,
    startedAtMs: vm.startedAtMs ?? null,
    memoryKib: found?.memoryKib ?? null,
    onlineVcpus: found?.onlineVcpus ?? null,
    operations: [...vm.queue.names],
    changedKeys: [...changedKeys(vm.config)],
    powerState: vm.facts.powerState,
    disks: vm.configs.disks.map(({ vdev, target, type, readOnly, isCdrom }) => ({
      vdev,
      target,
      type,
      readOnly,
      isCdrom,
    })),
    nics: vm.nics.map(({ devid, mac, bridge, network }) => ({ devid, mac, bridge, network })),
    pci: current.pci.map(({ address }) => renderPciAddress(address)),
  };
}
