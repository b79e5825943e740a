/** Which agent gets which device. Pure. */
import { DeviceModelError } from '../errors.ts';
import type { Domid } from '../ids.ts';
import type { Agent } from './agents.ts';
import type { AgentDevice } from './devices.ts';

/** One device model that an agent is to run. */
export interface AgentModel {
  readonly agent: Domid;
  /** Its number among the models of this guest. */
  readonly dmid: number;
  readonly model: string;
  readonly devices: readonly AgentDevice[];
}

/**
 * Gives each device to an agent that can emulate it: one that serves this guest alone goes before one that serves anybody, the last before those
 * before it. Throws DM_UNAVAILABLE when none can.
 */
export function assignDevices(
  target: Domid,
  devices: readonly AgentDevice[],
  agents: readonly Agent[],
): readonly AgentModel[] {
  const groups = new Map<string, Omit<AgentModel, 'dmid'> & { readonly devices: AgentDevice[] }>();
  for (const device of devices) {
    const { agent, model } = choose(target, device, agents);
    const key = `${agent} ${model}`;
    const group = groups.get(key) ?? { agent, model, devices: [] };
    group.devices.push(device);
    groups.set(key, group);
  }
  return [...groups.values()].map((group, dmid) => ({ ...group, dmid }));
}

function choose(
  target: Domid,
  { type }: AgentDevice,
  agents: readonly Agent[],
): { readonly agent: Domid; readonly model: string } {
  const able = agents.flatMap((agent) =>
    [...agent.models].flatMap(([model, types]) => (types.has(type) ? [{ agent, model }] : [])),
  );
  const own = able.filter(({ agent }) => agent.target === target);
  const chosen = own.at(-1) ?? able.filter(({ agent }) => agent.target === undefined).at(-1);
  if (chosen !== undefined) return { agent: chosen.agent.domid, model: chosen.model };
  throw new DeviceModelError('DM_UNAVAILABLE', {
    message: `No device-model agent can emulate the ${type} of domain ${target}`,
    context: { domid: target, device: type },
  });
}
