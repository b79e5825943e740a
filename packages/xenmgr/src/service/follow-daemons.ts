/**
 * What other daemons and the agents of guests signal. Only the owner of a daemon's name is heard, and an agent only by
 * the name that stands for its guest, so that nobody else on the bus can switch the host off.
 */
import type { ReceivedSignal, Subscription } from '@xenops/rpcgen/runtime';
import { lidAction } from '../host/power-settings-object.ts';
import type { HostPower } from '../host/power.ts';
import type { PowerAction } from '../host/power-actions.ts';
import type { LifeService } from '../life/create-life.ts';
import type { Manager } from '../manager/manager.ts';
import { agentOf } from '../peers/agent-sender.ts';

const INPUT = 'com.citrix.xenclient.input';
const POWER = 'com.citrix.xenclient.xcpmd';
const GUEST = 'com.citrix.xenclient.guest';
const LID_CLOSED = '0';
const ON_MAINS = '1';
const BATTERY_CRITICAL = '3';

/** What hears the signals. */
export interface Listeners {
  readonly manager: Manager;
  readonly life: LifeService;
  readonly power: HostPower;
}

interface Wanted {
  readonly sender?: string;
  readonly interface: string;
  readonly member: string;
  readonly react: (signal: ReceivedSignal) => Promise<void>;
}

/** Listens, until the result is disposed. */
export async function followDaemons(listeners: Listeners): Promise<Disposable> {
  const { bus, log } = listeners.manager;
  const subscriptions: Subscription[] = [];
  for (const { sender, react, ...names } of wantedSignals(listeners)) {
    const rule = { ...names, ...(sender === undefined ? {} : { sender }) };
    const subscription = await bus.subscribe(rule, (signal) => {
      react(signal).catch((error: unknown) => {
        log.log('error', `The signal ${names.interface}.${names.member} had no effect`, error);
      });
    });
    subscriptions.push(subscription);
  }
  return {
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription.close();
    },
  };
}

function wantedSignals(listeners: Listeners): readonly Wanted[] {
  const { life, power } = listeners;
  const input = { sender: INPUT, interface: INPUT };
  const buttons = { sender: POWER, interface: POWER };
  return [
    { ...input, member: 'auth_status', react: () => life.drainAutostart() },
    { ...input, member: 'lid_state_changed', react: () => lidMoved(listeners) },
    { ...buttons, member: 'power_button_pressed', react: () => power.request('shutdown') },
    { ...buttons, member: 'sleep_button_pressed', react: () => power.request('sleep') },
    { ...buttons, member: 'battery_level_notification', react: () => batteryChanged(listeners) },
    agentSignal(listeners, 'agent_started', (uuid) => life.post(uuid, { kind: 'agent-started' })),
    agentSignal(listeners, 'agent_uninstalled', (uuid) =>
      life.post(uuid, { kind: 'agent-uninstalled' }),
    ),
    agentSignal(listeners, 'xorg_running', async (uuid) => {
      await listeners.manager.host.store.write(`/xenmgr/vms/${uuid}/xorg`, '1');
    }),
  ];
}

function agentSignal(
  { manager }: Listeners,
  member: string,
  act: (uuid: string) => void | Promise<void>,
): Wanted {
  return {
    interface: GUEST,
    member,
    async react({ sender }) {
      const uuid = await agentOf(manager, sender);
      if (uuid !== undefined) await act(uuid);
    },
  };
}

async function lidMoved({ manager, power }: Listeners): Promise<void> {
  const { store } = manager.host;
  if ((await store.find('/pm/lid_state')) !== LID_CLOSED) return;
  const supply = (await store.find('/pm/ac_adapter')) === ON_MAINS ? 'ac' : 'battery';
  const action: PowerAction = lidAction(manager.database.view(), supply);
  await power.request(action, { isSupervised: false });
}

async function batteryChanged({ manager, power }: Listeners): Promise<void> {
  const level = await manager.host.store.find('/pm/currentbatterylevel');
  if (level === BATTERY_CRITICAL) await power.request('hibernate', { isSupervised: false });
}
