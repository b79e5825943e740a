/** Which VMs a VM needs: those that carry the networks of its NICs, and those that its settings name. */
import type { View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { networkPath } from '../vm-config/device-lines.ts';
import { nicSettings, vmSettings } from '../vm-config/vm-settings.ts';

/** Dom0, where it is named as a back-end: it is always there. */
const DOM0_UUID = '00000000-0000-0000-0000-000000000000';

/** Gives the uuid of the VM that carries a network; empty when nobody in particular does. */
export type FindNetworkBackend = (network: string) => Promise<string>;

/** The back-end of one NIC. */
export interface NicBackend {
  /** Uuid of its VM; empty for Dom0. */
  readonly uuid: string;
  /** Whether the NIC itself names it. */
  readonly isExplicit: boolean;
}

/** The back-ends of the enabled NICs of a VM, by number of the NIC. */
export async function nicBackends(
  view: View,
  uuid: string,
  findNetworkBackend: FindNetworkBackend,
): Promise<ReadonlyMap<number, NicBackend>> {
  const nics = nicSettings(view, uuid).filter(({ settings }) => settings.flag('enabled'));
  const found = await Promise.all(
    nics.map(async ({ id, settings }): Promise<[number, NicBackend]> => {
      const explicit =
        settings.text('backend-uuid') || findByName(view, settings.text('backend-name'));
      if (explicit !== '') return [id, { uuid: notDom0(explicit), isExplicit: true }];
      const carrier = await findNetworkBackend(networkPath(settings.text('network')));
      const backend = carrier || defaultBackend(view);
      return [id, { uuid: notDom0(backend), isExplicit: false }];
    }),
  );
  return new Map(found);
}

/**
 * What each VM needs at once, by uuid: of all VMs, or of these and of what they need in turn. A network is asked for once,
 * however many NICs are on it.
 */
export async function dependencyEdges(
  view: View,
  findNetworkBackend: FindNetworkBackend,
  uuids: readonly string[] = view.list('/vm'),
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asked = new Map<string, Promise<string>>();
  const askOnce: FindNetworkBackend = (network) => {
    const answer = asked.get(network) ?? findNetworkBackend(network);
    asked.set(network, answer);
    return answer;
  };
  const edges = new Map<string, readonly string[]>();
  for (let next = uuids; next.length > 0;) {
    const found = await Promise.all(next.map((uuid) => neededBy(view, uuid, askOnce)));
    next.forEach((uuid, at) => edges.set(uuid, found[at] ?? []));
    next = [...new Set(found.flat())].filter(
      (uuid) => !edges.has(uuid) && view.exists(`/vm/${uuid}`),
    );
  }
  return edges;
}

async function neededBy(
  view: View,
  uuid: string,
  findNetworkBackend: FindNetworkBackend,
): Promise<readonly string[]> {
  const backends = await nicBackends(view, uuid, findNetworkBackend);
  const needed = new Set([
    ...[...backends.values()].map((backend) => backend.uuid),
    ...namedDependencies(view, uuid),
  ]);
  needed.delete('');
  // A VM that carries its own network needs nobody for it.
  needed.delete(uuid);
  return [...needed];
}

/** All that a VM needs, each behind what it needs itself. Throws ManagerError DEPENDENCY_MISSING for a cycle. */
export function dependencyOrder(
  edges: ReadonlyMap<string, readonly string[]>,
  uuid: string,
): readonly string[] {
  const order: string[] = [];
  const visit = (at: string, way: readonly string[]): void => {
    if (way.includes(at)) {
      throw new ManagerError('DEPENDENCY_MISSING', {
        message: `The VM ${uuid} cannot be started: ${[...way, at].join(' needs ')}`,
        context: { uuid },
      });
    }
    if (order.includes(at)) return;
    for (const needed of edges.get(at) ?? []) visit(needed, [...way, at]);
    order.push(at);
  };
  visit(uuid, []);
  return order.slice(0, -1);
}

/** The VMs that the settings of a VM name: the uuids of `depends-on`. */
export function namedDependencies(view: View, uuid: string): readonly string[] {
  return listedUuids(vmSettings(view, uuid).text('depends-on'));
}

/**
 * Looks whether a VM can have this value of `depends-on`. Throws ManagerError: NOT_FOUND for a VM that does not exist,
 * BAD_VALUE for a circle, both by name. One that goes by way of a network is found at the start, when networks are known.
 */
export function assertCanDependOn(view: View, uuid: string, list: string): void {
  const wanted = listedUuids(list);
  for (const other of wanted) {
    if (view.exists(`/vm/${other}`)) continue;
    throw new ManagerError('NOT_FOUND', {
      message: `The VM ${uuid} cannot depend on ${other}: there is no such VM`,
      context: { uuid, other },
    });
  }
  const follow = (at: string, way: readonly string[]): void => {
    if (at === uuid) throw circle(uuid, [...way, at]);
    // Another circle, which was there before, is not this one's.
    if (way.includes(at)) return;
    for (const next of namedDependencies(view, at)) follow(next, [...way, at]);
  };
  for (const other of wanted) follow(other, [uuid]);
}

function circle(uuid: string, way: readonly string[]): ManagerError {
  return new ManagerError('BAD_VALUE', {
    message: `The VM ${uuid} cannot depend on itself: ${way.join(' needs ')}`,
    context: { uuid },
  });
}

function listedUuids(list: string): readonly string[] {
  return list
    .split(';')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function notDom0(uuid: string): string {
  return uuid === DOM0_UUID ? '' : uuid;
}

function findByName(view: View, name: string): string {
  if (name === '') return '';
  return view.list('/vm').find((uuid) => vmSettings(view, uuid).text('name') === name) ?? '';
}

function defaultBackend(view: View): string {
  const isDefault = (uuid: string): boolean =>
    vmSettings(view, uuid).flag('provides-default-network-backend');
  return view.list('/vm').find(isDefault) ?? '';
}
