import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, stat, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@xenops/core/host';
import { keptLog } from '../life/life-fakes.test-helper.ts';
import { change, FakeMonitor, snapshot } from './fake-monitor.test-helper.ts';
import type { MonitorEvent, Monitors } from './monitors.ts';
import { openMonitors } from './open-monitors.ts';

const U = '33333333-0000-4000-8000-000000000001';
const V = '33333333-0000-4000-8000-000000000002';

let folder: string;
let fake: FakeMonitor;
let monitors: Monitors;
let events: MonitorEvent[];
let wake: () => void;
const log: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-'));
  fake = new FakeMonitor(folder);
  monitors = openMonitors({
    socketFolder: folder,
    configFolder: path.join(folder, 'config'),
    command: ['/bin/false'],
    log: keptLog(log),
    clock: systemClock,
  });
  events = [];
  wake = () => undefined;
  monitors.onEvent((event) => {
    events.push(event);
    wake();
  });
});

afterEach(async () => {
  await monitors[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Resolves when there are so many events. */
async function told(count: number): Promise<readonly MonitorEvent[]> {
  while (events.length < count) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return events;
}

const off = { kind: 'state', uuid: U, state: { status: 'shutdown', domid: -1 } };

describe('a VM that is served', () => {
  beforeEach(async () => {
    await fake.open();
    await monitors.serve(U, 'memory=1\n');
  });

  test('has its configuration in a file that nobody else can read', async () => {
    const config = path.join(folder, 'config', `${U}.conf`);
    expect(await readFile(config, 'utf8')).toBe('memory=1\n');
    expect((await stat(config)).mode & 0o777).toBe(0o600);
    expect(fake.seen.find(({ method }) => method === 'add')?.params).toEqual({ config, uuid: U });
    expect(monitors.state(U)).toEqual({ status: 'shutdown', domid: -1 });
  });

  test('takes a new configuration without being added again', async () => {
    await monitors.serve(U, 'memory=2\n');
    expect(fake.seen.filter(({ method }) => method === 'add')).toHaveLength(1);
    expect(fake.seen.at(-1)).toMatchObject({ socket: `vm-${U}`, method: 'read-config' });
  });

  test('is told of in order, states and notices', async () => {
    fake.tell(U, change(2, 'running', 5));
    fake.tell(U, { kind: 'notice', sequence: 3, code: 0xf000, parts: ['vm', 'state', 'running'] });
    fake.tell(U, { kind: 'notice', sequence: 4, code: 1, parts: ['power-state', '3'] });
    expect(await told(3)).toEqual([
      off,
      { kind: 'state', uuid: U, state: { status: 'running', domid: 5 } },
      { kind: 'notice', uuid: U, parts: ['power-state', '3'] },
    ]);
  });

  test('goes on from where its events were when the connection is lost', async () => {
    fake.tell(U, change(2, 'running', 5));
    await told(2);
    fake.position = { epoch: 'one', sequence: 3 };
    fake.first = () => [change(3, 'paused', 5)];
    fake.drop(`vm-${U}`);
    expect((await told(4)).slice(2)).toEqual([
      { kind: 'lost', uuid: U },
      { kind: 'state', uuid: U, state: { status: 'paused', domid: 5 } },
    ]);
    const subscriptions = fake.seen.filter(
      ({ socket, method }) => socket === `vm-${U}` && method === '$/subscribe',
    );
    expect(subscriptions.map(({ params }) => params)).toEqual([{}, { epoch: 'one', sequence: 2 }]);
  });

  test('is looked at as a whole by another run of the monitor', async () => {
    fake.position = { epoch: 'two', sequence: 9 };
    fake.first = () => [snapshot(9, 'running', 7, 'two')];
    fake.drop(`vm-${U}`);
    await told(3);
    fake.tell(U, change(10, 'shutdown'));
    expect((await told(4)).at(-1)).toEqual(off);
  });

  test.each([
    ['leaves an event out', (): void => fake.tell(U, change(7, 'running', 1))],
    ['sends no JSON', (): void => fake.sendText(`vm-${U}`, 'what\n')],
    ['sends a line without end', (): void => fake.sendText(`vm-${U}`, 'x'.repeat(5_000_000))],
    ['sends an event without a number', (): void => fake.tell(U, { kind: 'set', object: 'vm' })],
  ])('is connected to again when the monitor %s', async (_what, act) => {
    act();
    await told(2);
    await monitors.call(U, 'get', { field: 'x' });
    expect(events.map(({ kind }) => kind)).toEqual(['state', 'lost']);
  });

  test.each([
    ['a state that nobody knows', change(2, 'dancing', 5)],
    ['a domid that is none', change(2, 'running', 40_000)],
    ['a domid that is a text', change(2, 'running', '5')],
    ['nothing', { kind: 'set', sequence: 2, object: 'vm', value: null }],
  ])('stays as it was when the monitor says %s', async (_what, item) => {
    fake.tell(U, item);
    fake.tell(U, change(3, 'paused', 5));
    expect((await told(2)).at(-1)).toMatchObject({ state: { status: 'paused' } });
  });

  test('is released, and then there is nothing to call', async () => {
    await monitors.release(U);
    expect(fake.seen.at(-1)).toMatchObject({ method: 'remove', params: { uuid: U } });
    await expect(monitors.call(U, 'start')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await monitors.release(U);
  });
});

describe('a call', () => {
  beforeEach(async () => {
    await fake.open();
    await monitors.serve(U, '');
  });

  test('gives the text of the answer', async () => {
    expect(await monitors.call(U, 'get', { field: 'memory' })).toBe('17');
    expect(await monitors.call(U, 'start', { paused: 'true' })).toBe('');
  });

  test.each([
    ['VM_NO_MEMORY', 'NOT_ENOUGH_MEMORY'],
    ['VM_WRONG_STATE', 'VM_WRONG_STATE'],
    ['VM_WRONG_END', 'VM_STOPPED_OTHERWISE'],
    ['VM_DID_NOT_SHUT_DOWN', 'VM_DID_NOT_SHUT_DOWN'],
    ['VM_ALREADY_CREATED', 'VM_ALREADY_CREATED'],
    ['VM_NEEDS_CAPABILITY', 'NEEDS_CAPABILITY'],
    ['SOMETHING_NEW', 'MONITOR_FAILED'],
  ])('that fails with %s fails with %s', async (name, code) => {
    const error = { code: -32_000, message: 'It failed', data: { name, causes: ['so'] } };
    fake.answer = ({ method }) => (method === 'start' ? { error } : undefined);
    await expect(monitors.call(U, 'start')).rejects.toMatchObject({
      code,
      message: 'It failed: so',
      context: { uuid: U, task: 'start' },
    });
  });

  test('that an old monitor refuses in words alone is known by them', async () => {
    const error = { code: -32_602, message: 'exception: Vm_didnt_shutdown' };
    fake.answer = ({ method }) => (method === 'halt' ? { error } : undefined);
    await expect(monitors.call(U, 'halt')).rejects.toMatchObject({ code: 'VM_DID_NOT_SHUT_DOWN' });
  });

  test('without an answer ends in its time, and is called off', async () => {
    fake.answer = ({ method }) => (method === 'start' ? 'silence' : undefined);
    const calling = monitors.call(U, 'start', {}, { timeoutMs: 50 });
    await expect(calling).rejects.toMatchObject({ code: 'TIMEOUT' });
    await monitors.call(U, 'get');
    expect(fake.seen.at(-2)).toMatchObject({ method: '$/cancel' });
  });

  test('during which the connection is lost is not made again', async () => {
    fake.answer = ({ method }) => {
      if (method === 'start') setImmediate(() => fake.drop(`vm-${U}`));
      return method === 'start' ? 'silence' : undefined;
    };
    await expect(monitors.call(U, 'start')).rejects.toMatchObject({ code: 'MONITOR_FAILED' });
    expect(fake.seen.filter(({ method }) => method === 'start')).toHaveLength(1);
  });
});

describe('adoption', () => {
  test('finds those that are served, those that were, and those that come later', async () => {
    await fake.open();
    await fake.addVm(U);
    await monitors.adopt();
    expect(monitors.state(U)).toMatchObject({ status: 'shutdown' });
    await fake.addVm(V);
    await told(2);
    expect(monitors.state(V)).toMatchObject({ status: 'shutdown' });
  });

  test('has those served again that an earlier manager had', async () => {
    await fake.open();
    await monitors.serve(U, '');
    await writeFile(path.join(folder, 'config', `${V}.conf`), '');
    await monitors.adopt();
    expect(fake.seen.filter(({ method }) => method === 'add')).toHaveLength(2);
  });

  test('is refused in words when the monitor cannot be started', async () => {
    await expect(monitors.adopt()).rejects.toMatchObject({
      code: 'MONITOR_FAILED',
      message: expect.stringContaining('/bin/false'),
    });
  });
});

describe('a monitor that is a unit of systemd', () => {
  /** A monitor beside a systemctl that knows the unit or not; both write down that they were started, and go on when told. */
  const withUnit = async (loadState: string): Promise<Monitors> => {
    const script = (name: string, text: string): Promise<void> =>
      writeFile(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const started = `mkfifo ${folder}/go; echo "\${0##*/} $*" > ${folder}/started; read -r _ < ${folder}/go`;
    await script('systemctl', `if [ "$1" = show ]; then echo ${loadState}; else ${started}; fi`);
    await script('xenvm', started);
    return openMonitors({
      socketFolder: folder,
      configFolder: path.join(folder, 'config'),
      command: [path.join(folder, 'xenvm'), 'serve'],
      unit: { name: 'xenvm.service', systemctl: path.join(folder, 'systemctl') },
      log: keptLog(log),
      clock: systemClock,
    });
  };
  /** What was run; the monitor serves from then on. */
  const startedBy = async (unit: Monitors): Promise<string> => {
    const changes = watch(folder);
    const adopted = unit.adopt();
    for await (const { filename } of changes) if (filename === 'started') break;
    await fake.open();
    await writeFile(path.join(folder, 'go'), '\n');
    await adopted;
    await unit[Symbol.asyncDispose]();
    return (await readFile(path.join(folder, 'started'), 'utf8')).trim();
  };

  test('is started by systemd alone', async () => {
    expect(await startedBy(await withUnit('loaded'))).toBe('systemctl start xenvm.service');
  });

  test('is started by the manager where the unit is not installed', async () => {
    expect(await startedBy(await withUnit('not-found'))).toBe('xenvm serve');
  });

  test('is told of by name when systemd cannot start it', async () => {
    await using unit = await withUnit('loaded');
    const refusal = '[ "$1" = show ] && echo loaded || { echo "Job failed" >&2; exit 1; }';
    await writeFile(path.join(folder, 'systemctl'), `#!/bin/sh\n${refusal}\n`);
    await expect(unit.adopt()).rejects.toMatchObject({
      code: 'MONITOR_FAILED',
      message: expect.stringMatching(/systemctl start xenvm\.service, does not start: Job failed/),
    });
  });
});
