import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManagerError } from '../manager/manager-error.ts';
import type { Surroundings } from '../manager/manager.ts';
import { NO_PEERS } from '../life/life-fakes.test-helper.ts';
import type { VmLife } from '../life/life.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { HostPower, type PowerCommands } from './power.ts';

const COMMANDS: PowerCommands = { shutdown: ['off'], reboot: ['again'], sleep: ['nap', 'now'] };

let around: FakeAround;
/** What was done, in order. */
let done: string[];
/** What fails, as `VERB UUID` or the name of a program. */
let failing: Set<string>;

beforeEach(async () => {
  around = await fakeAround();
  done = [];
  failing = new Set();
  for (const program of ['off', 'again', 'nap']) {
    around.programs.play(program, () => act(program));
  }
});
afterEach(async () => around[Symbol.asyncDispose]());

function act(what: string): string {
  done.push(what);
  if (failing.has(what)) throw new ManagerError('TIMEOUT', { message: `${what} fails` });
  return '';
}

async function addVms(
  vms: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<void> {
  await around.database.transact((draft) => {
    for (const [uuid, settings] of Object.entries(vms)) {
      draft.inject(`/vm/${uuid}`, JSON.stringify({ type: 'svm', ...settings }));
    }
  });
}

async function open(commands: PowerCommands = COMMANDS): Promise<HostPower> {
  const verb = (name: string) => async (uuid: string) => void act(`${name} ${uuid}`);
  const life: Partial<VmLife> = {
    ...{ isRunning: () => true, acpiState: () => 0 },
    ...{ sleep: verb('sleep'), resume: verb('resume'), start: verb('start') },
    ...{ shutdown: verb('shutdown'), hibernate: verb('hibernate'), destroy: verb('destroy') },
    stopAll: async ({ isForced }) => void act(`stop all${isForced ? ' forced' : ''}`),
  };
  const store = { write: async (node: string, text: string) => void around.nodes.set(node, text) };
  const power = new HostPower(
    {
      ...around,
      ...{ host: { store }, peers: NO_PEERS },
      announce: { hostStateChanged: (state: string) => void done.push(`= ${state}`) },
    } as unknown as Surroundings,
    commands,
  );
  await power.start(life as VmLife);
  return power;
}

describe('the host', () => {
  test('stops all VMs before it goes down, and says what it does', async () => {
    const power = await open();
    await power.request('shutdown');
    expect(done).toEqual(['= shutdowning', 'stop all forced', 'off', '= idle']);
    expect(around.nodes.get('/xenmgr/host-state')).toBe('idle');
  });

  test('restarts, and is forced off with VMs destroyed', async () => {
    await addVms({ a: {}, b: {} });
    const power = await open();
    await power.request('reboot');
    failing.add('destroy a');
    await power.request('forced-shutdown');
    expect(done.filter((line) => !line.startsWith('='))).toEqual([
      ...['stop all forced', 'again'],
      ...['destroy a', 'destroy b', 'off'],
    ]);
  });

  test('does one thing at a time; the same again is fine, another is refused', async () => {
    const power = await open();
    const first = power.request('shutdown');
    await power.request('shutdown');
    await expect(power.request('sleep')).rejects.toMatchObject({ code: 'HOST_NOT_IDLE' });
    await first;
    await power.request('sleep');
    expect(done.filter((line) => line === 'off')).toHaveLength(1);
  });

  test('is idle again after what failed, and stays up', async () => {
    const power = await open();
    failing.add('stop all forced');
    await expect(power.request('shutdown')).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect([power.state, done.includes('off')]).toEqual(['idle', false]);
  });

  test('goes down for idleness whatever a VM says', async () => {
    const power = await open();
    failing.add('stop all forced');
    await power.shutDownIdle();
    expect(done).toContain('off');
  });

  test('that is simulated runs nothing', async () => {
    const power = await open({});
    for (const action of ['shutdown', 'reboot', 'sleep', 'hibernate'] as const)
      await power.request(action);
    expect(around.programs.runs).toEqual([]);
  });

  test('begins idle, whatever another manager left behind', async () => {
    around.nodes.set('/xenmgr/host-state', 'going-to-sleep');
    const power = await open();
    expect([power.state, around.nodes.get('/xenmgr/host-state')]).toEqual(['idle', 'idle']);
  });

  test('acts upon a changed disk as configured', async () => {
    await around.database.transact((draft) =>
      draft.write('/xenmgr/measure-fail-action', 'nothing'),
    );
    const power = await open();
    await power.lifeOptions.onMeasurementFailed?.('a');
    expect(done).toEqual([]);
    await around.database.transact((draft) => draft.write('/xenmgr/measure-fail-action', 'reboot'));
    await power.lifeOptions.onMeasurementFailed?.('a');
    expect(done).toContain('again');
  });
});

describe('sleep', () => {
  const MODES = {
    a: { 's3-mode': 'pv' },
    b: { 's3-mode': 'restart' },
    c: { 's3-mode': 'ignore' },
  };

  test('has each VM do as its mode says, and back', async () => {
    await addVms(MODES);
    const power = await open();
    await power.request('sleep');
    expect(done).toEqual([
      ...['= sleeping', 'sleep a', 'shutdown b', 'nap'],
      ...['= idle', 'resume a', 'start b'],
    ]);
    expect(around.programs.linesOf('nap')).toEqual(['now']);
  });

  test('wakes those that sleep when another does not', async () => {
    await addVms(MODES);
    const power = await open();
    failing.add('shutdown b');
    await expect(power.request('sleep')).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(done).toEqual(['= sleeping', 'sleep a', 'shutdown b', '= idle', 'resume a']);
  });

  test('wakes all when the host does not sleep, also past one that does not come back', async () => {
    await addVms(MODES);
    const power = await open();
    failing.add('nap').add('resume a');
    await expect(power.request('sleep')).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(done.slice(-2)).toEqual(['resume a', 'start b']);
  });

  test('with a mode that no host can do is refused before anything is done', async () => {
    await addVms({ ...MODES, d: { 's3-mode': 'snapshot' } });
    const power = await open();
    await expect(power.request('sleep')).rejects.toMatchObject({ code: 'BAD_VALUE' });
    expect(done).toEqual(['= sleeping', '= idle']);
  });
});

describe('hibernation', () => {
  test('marks the host, so that its VMs come back, and stops what is left', async () => {
    await addVms({
      a: {},
      b: { 's4-mode': 'restart' },
      c: { 's4-mode': 'ignore' },
      n: { type: 'ndvm' },
    });
    const power = await open();
    await power.request('hibernate');
    expect(done).toEqual([
      ...['= hibernating', 'hibernate a', 'shutdown b', 'stop all forced', 'off', '= idle'],
    ]);
    const view = around.database.view();
    expect([view.read('/platform/hibernated'), view.read('/vm/b/hibernated')]).toEqual([
      'true',
      'true',
    ]);
  });

  test('ends at a VM that cannot while somebody is there, and shuts it down otherwise', async () => {
    await addVms({ a: {} });
    const power = await open();
    failing.add('hibernate a');
    await expect(power.request('hibernate')).rejects.toMatchObject({
      code: 'HOST_HIBERNATE_FAILED',
    });
    expect(done).not.toContain('off');
    await power.request('hibernate', { isSupervised: false });
    expect(done.slice(-4)).toEqual(['shutdown a', 'stop all forced', 'off', '= idle']);
  });
});
