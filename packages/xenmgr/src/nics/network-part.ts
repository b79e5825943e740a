/** Networks in the life of VMs: where the NICs of one that starts lead, and what becomes of those whose carrier ends. */
import { domid as checkedDomid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import { listChildren } from '@xenops/core/xenstore';
import type { LifePart, VmLife } from '../life/life.ts';
import { nicBackends, type NicBackend } from '../life/dependencies.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { BootFacts } from '../vm-config/facts.ts';
import { nicSettings, vmSettings, type NumberedSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { networksOf } from './networks.ts';

/** The part of the networks. */
export function networkPart(around: Surroundings, life: () => VmLife): LifePart {
  const { database } = around;
  const isCarrier = (uuid: string): boolean =>
    vmSettings(database.view(), uuid).flag('provides-network-backend');
  return {
    name: 'networks',
    check: (uuid) => checkNetworks(around, life(), uuid),
    facts: (uuid) => networkFacts(around, life(), uuid),
    async running(uuid, domid) {
      if (isCarrier(uuid)) await reattach(around, life(), uuid, domid);
    },
    async gone(uuid, domid) {
      if (isCarrier(uuid)) await disconnect(around, life(), uuid, domid);
    },
  };
}

async function checkNetworks(around: Surroundings, life: VmLife, uuid: string): Promise<void> {
  const { peers } = around;
  if (enabledNics(around, uuid).length === 0) return;
  if ((await peers.network.isPresent()) && !(await peers.network.isInitialized())) {
    throw new ManagerError('NETWORK_NOT_READY', {
      message: 'The network daemon is not ready yet; start the VM a little later',
    });
  }
  for (const [id, { uuid: carrier, isExplicit }] of await backendsOf(around, uuid)) {
    if (!isExplicit || carrier === '' || life.domid(carrier) >= 0) continue;
    throw new ManagerError('NO_NETWORK_BACKEND', {
      message: `The VM that carries the network of interface ${id} does not run`,
      context: { uuid, nic: id, backend: carrier },
    });
  }
}

function enabledNics({ database }: Surroundings, uuid: string): readonly NumberedSettings[] {
  return nicSettings(database.view(), uuid).filter(({ settings }) => settings.flag('enabled'));
}

async function networkFacts(
  around: Surroundings,
  life: VmLife,
  uuid: string,
): Promise<Partial<BootFacts>> {
  const domids = [...(await backendsOf(around, uuid))].map(([id, { uuid: carrier }]) => {
    const domid = carrier === '' ? 0 : life.domid(carrier);
    return [id, Math.max(domid, 0)] as const;
  });
  return { networks: await networksOf(around, uuid), nicBackends: new Map(domids) };
}

/** Who carries the network of each enabled NIC. */
async function backendsOf(
  { database, peers }: Surroundings,
  uuid: string,
): Promise<ReadonlyMap<number, NicBackend>> {
  const isPresent = await peers.network.isPresent();
  return nicBackends(database.view(), uuid, async (network) =>
    isPresent ? peers.network.networkBackend(network) : '',
  );
}

/** NICs of running VMs go on with the new domain of the VM that carries them. */
async function reattach(
  around: Surroundings,
  life: VmLife,
  carrier: string,
  domid: number,
): Promise<void> {
  for (const uuid of othersRunning(around, life, carrier)) {
    for (const [id, backend] of await backendsOf(around, uuid)) {
      if (backend.uuid !== carrier) continue;
      const args = { id: String(id), domid: String(domid) };
      await around.monitors.call(uuid, 'set-nic-backend-dom', args).catch((error: unknown) => {
        around.log.child({ vm: uuid }).log('warn', `Interface ${id} stays disconnected`, error);
      });
    }
  }
}

/** Guests are told that their interfaces lead nowhere. */
async function disconnect(
  around: Surroundings,
  life: VmLife,
  carrier: string,
  backendDomid: number,
): Promise<void> {
  const { store } = around.host;
  for (const uuid of othersRunning(around, life, carrier)) {
    const domid = checkedDomid(life.domid(uuid));
    for (const kind of ['vif', 'vwif']) {
      for (const id of await listChildren(store, domainPath(domid, 'device', kind))) {
        const frontend = domainPath(domid, 'device', kind, id);
        if ((await store.find(`${frontend}/backend-id`)) !== String(backendDomid)) continue;
        await store.write(`${frontend}/disconnect`, '1');
      }
    }
  }
}

function othersRunning({ database }: Surroundings, life: VmLife, uuid: string): readonly string[] {
  return vmUuids(database.view()).filter((other) => other !== uuid && life.domid(other) >= 0);
}
