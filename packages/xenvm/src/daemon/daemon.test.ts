import { createLogger } from '@xenops/core/daemon';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { connectBus } from '@xenops/rpcgen/runtime';
import { callHistorical } from '../client/historical-call.ts';
import { callOverDbus } from '../client/dbus-call.ts';
import { connectVm } from '../client/vm-client.ts';
import { UUID } from '../rpc/fake-port.test-helper.ts';
import { startBus } from '../rpc/private-bus.test-helper.ts';
import { answers } from '../rpc/unix-listener.ts';
import { makeTestFolder } from '../rpc/test-client.test-helper.ts';
import { parseCommandLine } from './command-line.ts';
import { FakeProvider } from './fake-provider.test-helper.ts';
import { runDaemon } from './run-daemon.ts';

const OTHER = '22222222-2222-3333-4444-555555555555';
const CALL = { timeoutMs: 5000 };

let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let dir: string;
let provider: FakeProvider;
let said: string[];
let logged: string[];
let listener: Server;
let heard: string[];
let onHeard: () => void;

beforeEach(async () => {
  folder = await makeTestFolder();
  dir = path.join(folder.folder, 'run');
  provider = new FakeProvider();
  [said, logged, heard] = [[], [], []];
  onHeard = () => undefined;
  listener = createServer((socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => {
      heard.push(text);
      onHeard();
    });
  });
  listener.listen(path.join(folder.folder, 'listener'));
  await once(listener, 'listening');
});

afterEach(async () => {
  listener.close();
  await folder[Symbol.asyncDispose]();
});

async function writeConfig(uuid: string, more = ''): Promise<string> {
  const file = path.join(folder.folder, `${uuid}.conf`);
  const notify = `notify=${path.join(folder.folder, 'listener')}`;
  await writeFile(file, `uuid=${uuid}\n${notify}\n${more}\n`);
  return file;
}

function start(...words: readonly string[]): Promise<number> {
  const settings = parseCommandLine(['--no-daemonize', '--socket-dir', dir, ...words], {});
  if (settings.kind === 'help') throw new Error('That is no daemon');
  return runDaemon({
    settings,
    logger: createLogger(
      { level: 'debug', hasPriority: false, write: (line) => void logged.push(line) },
      'xenvm',
    ),
    openProvider: async () => provider,
    say: (line) => void said.push(line),
  });
}

/** Resolves when the listener has heard a line with this text. */
async function hears(text: string): Promise<void> {
  while (!heard.some((line) => line.includes(text))) {
    await new Promise<void>((resolve) => (onHeard = resolve));
  }
}

const socketOf = (uuid: string): string => path.join(dir, `vm-${uuid}`);

describe('one VM', () => {
  test('is served until it is told to quit, and listeners hear it in order (D8, D9)', async () => {
    const config = await writeConfig(UUID);
    const pidFile = path.join(folder.folder, 'pid');
    const options = ['--monitor-dbus', 'false', '--monitor-json', 'true', '--pid-file', pidFile];
    const ended = start('--config', config, ...options);
    await hears('vm:state:running');
    const call = { socketPath: socketOf(UUID), ...CALL };
    expect(await callHistorical({ ...call, task: 'get-status' })).toBe('running');
    const refused = await start('--config', config, ...options);
    expect(refused).toBe(1);
    expect(await callHistorical({ ...call, task: 'get-status' })).toBe('running');
    await callHistorical({ ...call, task: 'quit' });
    expect(await ended).toBe(0);
    expect(heard).toEqual([
      `${UUID}:0:ping\n`,
      `${UUID}:61440:vm:state:running\n`,
      `${UUID}:1:hup\n`,
    ]);
    expect(await readdir(dir)).toEqual([`lock-${UUID}`]);
    await expect(readFile(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(provider.done.at(-1)).toBe('provider closed');
  });

  test('binds no socket when JSON-RPC is off (D7)', async () => {
    await using bus = await startBus();
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address;
    const ended = start('--uuid', UUID, '--config', await writeConfig(OTHER));
    await hears('dbus-rpc-up');
    await hears('vm:state:running');
    expect(await answers(socketOf(UUID))).toBe(false);
    const call = { address: 'system', uuid: UUID, ...CALL } as const;
    expect(await callOverDbus({ ...call, task: 'get-status' })).toBe('running');
    await callOverDbus({ ...call, task: 'quit' });
    expect(await ended).toBe(0);
  });

  test('whose start fails says so to its listeners, and ends with 2', async () => {
    const config = await writeConfig(UUID, 'fail=true');
    const words = ['--monitor-dbus', 'false', '--monitor-json', 'true'];
    expect(await start('--config', config, ...words)).toBe(2);
    expect(heard).toEqual([
      `${UUID}:0:ping\n`,
      `${UUID}:2:error:Too little memory\n`,
      `${UUID}:1:hup\n`,
    ]);
    expect(said).toEqual(['error: Too little memory']);
    expect(await readdir(dir)).toEqual([`lock-${UUID}`]);
  });

  test('whose bus name is taken ends with 1 (D35)', async () => {
    await using bus = await startBus();
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address;
    const other = await connectBus({ address: bus.address, timeoutMs: 5000 });
    await other.requestName(`org.xen.vm.uuid_${UUID.replaceAll('-', '_')}`);
    expect(await start('--config', await writeConfig(UUID))).toBe(1);
    await other.close();
  });

  test.each([
    ['neither uuid nor file', [], 'error: you need to specify a uuid or a config file'],
    ['a file that is not there', ['/nonexistent'], 'error: Cannot read /nonexistent'],
  ] as const)('with %s ends with 3 and says so', async (_what, words, text) => {
    expect(await start('--monitor-dbus', 'false', ...words)).toBe(3);
    expect(said).toEqual([text]);
  });

  test('with a bus that is not there is served all the same when D-Bus is off, and once only (D2)', async () => {
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = `unix:path=${folder.folder}/nothing`;
    const config = await writeConfig(UUID);
    const words = ['--monitor-dbus', 'false', '--monitor-json', 'true', '--config', config];
    const ended = start(...words);
    await hears('vm:state:running');
    // Under another name for the folder, with another way to be asked: the lock is one.
    expect(await start(...words, '--monitor-json', 'false', '--socket-dir', `${dir}/.`)).toBe(1);
    await callHistorical({ socketPath: socketOf(UUID), ...CALL, task: 'quit' });
    expect(await ended).toBe(0);
  });

  test.each([
    ['root alone', [], 0o700],
    ['a group too', ['--socket-group', '0'], 0o750],
  ] as const)(
    'has its socket in a folder that can be entered, by %s (D6)',
    async (_who, more, mode) => {
      const words = ['--monitor-dbus', 'false', '--monitor-json', 'true', ...more];
      const ended = start('--config', await writeConfig(UUID), ...words);
      await hears('vm:state:running');
      expect((await stat(dir)).mode & 0o777).toBe(mode);
      await callHistorical({ socketPath: socketOf(UUID), ...CALL, task: 'quit' });
      expect(await ended).toBe(0);
    },
  );

  test('with a bus that is not there ends with 2', async () => {
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = `unix:path=${folder.folder}/nothing`;
    expect(await start('--config', await writeConfig(UUID))).toBe(2);
  });
});

describe('many VMs', () => {
  const words = ['serve', '--monitor-dbus', 'false'];

  test('come and go over the control socket, and are there again after a restart', async () => {
    const [first, second] = [await writeConfig(UUID), await writeConfig(OTHER)];
    let ended = start(...words, '--config', first);
    await hears('vm:state:running');
    const control = { socketPath: path.join(dir, 'control'), ...CALL };
    {
      await using client = await connectVm(control);
      expect(await client.call('add', { config: second })).toBe(OTHER);
      await expect(client.call('add', { config: second })).rejects.toMatchObject({
        code: 'DOMAIN_WRONG_STATE',
      });
      await expect(client.call('remove', { uuid: UUID.replace('1', '3') })).rejects.toMatchObject({
        code: 'DOMAIN_NOT_FOUND',
      });
      expect(await client.call('list')).toEqual([
        { uuid: UUID, config: first },
        { uuid: OTHER, config: second },
      ]);
    }
    await callHistorical({ ...control, task: 'quit' });
    expect(await ended).toBe(0);
    provider = new FakeProvider();
    heard = [];
    ended = start(...words);
    await hears(`${OTHER}:61440`);
    await hears(`${UUID}:61440`);
    {
      await using client = await connectVm(control);
      const events = client.events();
      await events.next();
      await callHistorical({ socketPath: socketOf(UUID), ...CALL, task: 'quit' });
      const { value } = await events.next();
      expect(value).toMatchObject({ kind: 'removed', object: `vm/${UUID}` });
    }
    expect(await callHistorical({ ...control, task: 'list' })).toBe(OTHER);
    expect(await callHistorical({ socketPath: socketOf(OTHER), ...CALL, task: 'get-status' })).toBe(
      'running',
    );
    await callHistorical({ ...control, task: 'quit' });
    expect(await ended).toBe(0);
  });

  test('one that cannot start does not keep the others from their monitor', async () => {
    const bad = await writeConfig(OTHER, 'fail=true');
    const ended = start(...words, '--config', bad, '--config', await writeConfig(UUID));
    await hears(`${UUID}:61440`);
    await hears(`${OTHER}:1:hup`);
    const control = { socketPath: path.join(dir, 'control'), ...CALL };
    expect(await callHistorical({ ...control, task: 'list' })).toBe(UUID);
    await callHistorical({ ...control, task: 'quit' });
    expect(await ended).toBe(0);
    expect(logged.join('')).toContain(`[error|${OTHER}|xenvm] The VM cannot be served`);
  });
});
