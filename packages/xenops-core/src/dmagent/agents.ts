/**
 * Agents that run device models in other domains, by what they say of themselves below `/local/domain/A/dm-agent`. Another domain writes that: names
 * are checked, their number is bounded, and nothing of it decides what is removed later.
 */
import type { Host } from '../host/host.ts';
import { findDomid, type Domid } from '../ids.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { agentPath, DOMAINS_PATH } from '../xenstore/path.ts';

/** Names of models and of devices. */
const NAME = /^[\w-]{1,64}$/;
/** Models of an agent, and devices of a model, that are looked at. */
const NAMES_MAX = 64;

export interface Agent {
  readonly domid: Domid;
  /** The only domain that it serves; any unless said. */
  readonly target: Domid | undefined;
  /** Devices that each of its models emulates. */
  readonly models: ReadonlyMap<string, ReadonlySet<string>>;
}

/** All agents of the host, by rising domid. */
export async function listAgents({ store }: Pick<Host, 'store'>): Promise<readonly Agent[]> {
  const domids = (await listChildren(store, DOMAINS_PATH))
    .flatMap((text) => findDomid(text) ?? [])
    .sort((a, b) => a - b);
  const agents = await Promise.all(domids.map((domid) => findAgent({ store }, domid)));
  return agents.flatMap((agent) => agent ?? []);
}

/** What the domain's agent says; undefined when it has none. */
async function findAgent({ store }: Pick<Host, 'store'>, domid: Domid): Promise<Agent | undefined> {
  const root = agentPath(domid, 'capabilities');
  const names = async (path: string): Promise<readonly string[]> =>
    (await listChildren(store, path)).filter((name) => NAME.test(name)).slice(0, NAMES_MAX);
  const models = await names(root);
  if (models.length === 0) return undefined;
  const [target, devices] = await Promise.all([
    store.find(agentPath(domid, 'target')),
    Promise.all(models.map((model) => names(`${root}/${model}`))),
  ]);
  return {
    domid,
    target: target === undefined ? undefined : findDomid(target),
    models: new Map(models.map((model, index) => [model, new Set(devices[index])])),
  };
}
