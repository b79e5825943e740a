/**
 * Networks: what the network daemon says of them, or, on a host without one, bridges of Dom0. There the name of a network
 * is looked up in the database below `/xenmgr/bridges`, with `_` for slashes; a network that is not listed is the bridge
 * that its historical name says.
 */
import type { View } from '../db/view.ts';
import type { Surroundings } from '../manager/manager.ts';
import { networkPath } from '../vm-config/device-lines.ts';
import type { NetworkFacts } from '../vm-config/facts.ts';
import { nicSettings } from '../vm-config/vm-settings.ts';

/** Bridges of the networks that every host has, by the names of old. */
const USUAL_BRIDGES: ReadonlyMap<string, string> = new Map([
  ['/wired/0/bridged', 'brbridged'],
  ['/wired/0/shared', 'brshared'],
  ['/wireless/0/shared', 'brwireless'],
  ['/wifi/0/shared', 'brwireless'],
  ['/internal', 'brinternal'],
]);
const BRIDGE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

/** The networks of the NICs of a VM, by path. */
export async function networksOf(
  { database, peers }: Pick<Surroundings, 'database' | 'peers'>,
  uuid: string,
): Promise<ReadonlyMap<string, NetworkFacts>> {
  const view = database.view();
  const wanted = nicSettings(view, uuid).map(({ settings }) =>
    networkPath(settings.text('network')),
  );
  if (wanted.length === 0) return new Map();
  if (!(await peers.network.isPresent())) {
    return new Map(wanted.flatMap((path) => bridgeEntry(view, path)));
  }
  const known = await Promise.all([...new Set(wanted)].map((path) => peers.network.network(path)));
  return new Map(
    known.flatMap((network) =>
      network === undefined
        ? []
        : [[network.path, { bridge: network.bridge, isWireless: network.isWireless }] as const],
    ),
  );
}

function bridgeEntry(view: View, path: string): readonly (readonly [string, NetworkFacts])[] {
  const listed = view.read(`/xenmgr/bridges/${path.replaceAll('/', '_')}`);
  const bridge = listed ?? USUAL_BRIDGES.get(path) ?? path;
  const isWireless = /^\/(wireless|wifi)\//.test(path);
  return BRIDGE_NAME.test(bridge) ? [[path, { bridge, isWireless }]] : [];
}
