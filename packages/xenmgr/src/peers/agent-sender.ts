/** Which guest a caller on the bus speaks for: the one whose agent's name it owns. */
import { agentBusName } from './bus-peers.ts';
import type { Manager } from '../manager/manager.ts';
import { vmUuids } from '../vms/slots.ts';

/** The uuid of a running VM whose agent has this unique name; undefined for anybody else. */
export async function agentOf(
  { bus, database, life }: Pick<Manager, 'bus' | 'database' | 'life'>,
  sender: string,
): Promise<string | undefined> {
  for (const uuid of vmUuids(database.view())) {
    if (!life.isRunning(uuid)) continue;
    if ((await bus.findNameOwner(agentBusName(uuid))) === sender) return uuid;
  }
  return undefined;
}
