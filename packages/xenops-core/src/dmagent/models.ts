/** Device models of a guest in other domains: told to their agents, waited for, and taken back by our own record of who was told. */
import { DeviceModelError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { findDomid, type Domid } from '../ids.ts';
import { withUndo } from '../domain/with-undo.ts';
import { guestText } from '../parse/guest-text.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { applyTreeChange, type NodeWrite } from '../xenstore/nodes.ts';
import { agentPath, ownRecordPath } from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { waitFor } from '../xenstore/wait.ts';
import type { AgentModel } from './assign.ts';

/** What a model gets to start, as libxl gives one (LIBXL_DEVICE_MODEL_START_TIMEOUT), and an agent to end its models. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const RECORD = 'dm-agents';

interface ModelOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Has the agents run these models, and waits until all of them do. Rejects with DM_START_FAILED (the agent's word quoted), TIMEOUT or ABORTED; no agent
 * runs a model of the guest then.
 */
export async function startAgentModels(
  host: Host,
  domid: Domid,
  models: readonly AgentModel[],
  options: ModelOptions = {},
): Promise<void> {
  await withUndo(`Starting the device models of domain ${domid}`, async (undo) => {
    undo.push(`the device models of domain ${domid}`, () => stopAgentModels(host, domid));
    for (const model of models) {
      const change = { rm: [], write: nodesOf(domid, model) };
      await host.store.transaction((tree) => applyTreeChange(tree, change));
      await running(host, domid, model, options);
    }
  });
}

/**
 * Has every agent that was told of the guest end its models. One that does not is waited for no longer than the deadline: its nodes of this guest
 * are removed all the same.
 */
export async function stopAgentModels(
  host: Host,
  domid: Domid,
  { signal, timeoutMs = STOP_TIMEOUT_MS }: ModelOptions = {},
): Promise<void> {
  const { store, services } = host;
  const names = await listChildren(store, ownRecordPath(domid, RECORD));
  if (names.length === 0) return;
  const agents = names.flatMap((name) => findDomid(name) ?? []);
  await Promise.all(
    agents.map(async (agent) => {
      const home = agentPath(agent, 'dms', domid);
      // The agent may be gone with its domain, and its nodes with it.
      if ((await store.find(home)) !== undefined) {
        await store.write(`${home}/destroy`, '1');
        const gone = {
          what: `the agent in domain ${agent} to end the device models of domain ${domid}`,
          paths: [home],
          look: async () => ((await store.find(home)) === undefined ? true : undefined),
        };
        try {
          await waitFor(store, gone, { timeoutMs, signal, clock: services.clock });
        } catch (error) {
          if (!hasCode(error, 'TIMEOUT')) throw error;
        }
      }
      await store.transaction(async (tree) => {
        await Promise.all([tree.rm(home), tree.rm(ownRecordPath(domid, RECORD, String(agent)))]);
      });
    }),
  );
  await store.rm(ownRecordPath(domid, RECORD));
}

/** What the agent is told, which it owns, and our own record of it. */
function nodesOf(domid: Domid, { agent, dmid, devices }: AgentModel): readonly NodeWrite[] {
  const home = agentPath(agent, 'dms', domid);
  const infos = devices.flatMap(({ type, infos: named }) =>
    Object.entries(named).flatMap(([name, keys]) =>
      Object.entries({ type, ...keys }).map(([key, value]) => ({
        path: `${home}/${dmid}/infos/${name}/${key}`,
        value,
      })),
    ),
  );
  return [
    { path: ownRecordPath(domid, RECORD, String(agent)), value: '' },
    { path: home, permissions: ownedBy(agent) },
    ...infos,
  ];
}

async function running(
  host: Host,
  domid: Domid,
  { agent, dmid, model }: AgentModel,
  { signal, timeoutMs = START_TIMEOUT_MS }: ModelOptions,
): Promise<void> {
  const status = `${agentPath(agent, 'dms', domid)}/${dmid}/status`;
  const condition = {
    what: `the device model ${model} in domain ${agent} to serve domain ${domid}`,
    paths: [status],
    look: async () => {
      const said = await host.store.find(status);
      if (said === undefined || said === '') return undefined;
      if (said === 'running') return true;
      throw new DeviceModelError('DM_START_FAILED', {
        message: `The agent in domain ${agent} does not run ${model} for domain ${domid}: it says ${JSON.stringify(guestText(said))}`,
        context: { domid, agent, model },
      });
    },
  };
  await waitFor(host.store, condition, { timeoutMs, signal, clock: host.services.clock });
}
