/** File descriptors between two of our own; tests of the C and Python backends pass them through other programs. */
import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectBus, type Bus, type InterfaceDescription } from '../runtime/index.ts';
import { buildDescriptorAddon } from '../testing/descriptor-addon.test-helper.ts';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { temporaryFolder } from '../testing/temporary-folder.test-helper.ts';
import { describeWith, whyMissing } from '../testing/toolchain.test-helper.ts';
import { openDescriptorSocket } from './index.ts';

const NAME = 'org.example.Files';
const PATH = '/org/example/files';
const FILES: InterfaceDescription = {
  name: NAME,
  xml: `<interface name="${NAME}"/>`,
  methods: {
    first_byte: { input: 'h', output: 'y' },
    echo: { input: 'a(sh)', output: 'a(sh)' },
    ignore: { input: 'v', output: '' },
    size: { input: 'ay', output: 'u' },
  },
  signals: { opened: 'sh' },
  properties: { log: { type: 'h', access: 'read', emitsChanged: 'false' } },
  errors: [],
};

/** What is open in this process, except what comes and goes by itself. */
function openFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target === import.meta.filename ? [target] : [];
    } catch {
      return [];
    }
  });
}

const open = (): number => openSync(import.meta.filename, 'r');
const call = { destination: NAME, path: PATH, interface: NAME };

const NO_COMPILER = whyMissing('gcc libc6-dev', 'cc', '--version');

describeWith(NO_COMPILER)('file descriptors', () => {
  let daemon: PrivateBus;
  let server: Bus;
  let client: Bus;
  let emit: (...args: readonly unknown[]) => void;

  beforeAll(async () => {
    buildDescriptorAddon();
    daemon = await startPrivateBus();
    const options = {
      address: daemon.address,
      timeoutMs: 10_000,
      openSocket: openDescriptorSocket,
    };
    server = await connectBus(options);
    client = await connectBus(options);
    const exported = server.objects.export<{ opened: readonly [string, number] }, object>(
      PATH,
      FILES,
      {
        methods: {
          first_byte: (fd: number) => {
            const bytes = Buffer.alloc(1);
            readSync(fd, bytes, 0, 1, 0);
            closeSync(fd);
            return bytes[0];
          },
          echo: (files: readonly (readonly [string, number])[]) => {
            // They are sent as copies, so that they can be closed in the same breath.
            queueMicrotask(() => files.forEach(([, fd]) => closeSync(fd)));
            return files;
          },
          ignore: ({ value }: { value: number }) => closeSync(value),
          size: (bytes: Uint8Array) => bytes.length,
        },
        properties: { log: { get: open } },
      },
    );
    emit = (name, fd) => exported.emit('opened', String(name), Number(fd));
    await server.requestName(NAME);
  });

  afterAll(async () => {
    await client.close();
    await server.close();
    await daemon.stop();
  });

  test('arrive as descriptors of the same file, and the sender keeps its own', async () => {
    const fd = open();
    const target = { ...call, member: 'first_byte', input: 'h', output: 'y' };
    expect(await client.call(target, [fd])).toEqual(['/'.charCodeAt(0)]);
    expect(fstatSync(fd).isFile()).toBe(true);
    closeSync(fd);
    expect(openFiles()).toEqual([]);
  });

  test('stand anywhere in a value, several at once, between messages without', async () => {
    const fds = [open(), open(), open()];
    const files = fds.map((fd, index) => [`file ${index}`, fd]);
    const target = { ...call, member: 'echo', input: 'a(sh)', output: 'a(sh)' };
    const plain = { ...call, member: 'size', input: 'ay', output: 'u' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0
          ? client.call(target, [files])
          : client.call(plain, [new Uint8Array(index * 10_000)]),
      ),
    );
    for (const [index, [answer]] of answers.entries()) {
      if (index % 2 === 1) expect(answer).toBe(index * 10_000);
      else {
        const echoed = answer as [string, number][];
        expect(echoed.map(([name]) => name)).toEqual(['file 0', 'file 1', 'file 2']);
        for (const [, fd] of echoed) {
          expect(fstatSync(fd).ino).toBe(fstatSync(fds[0] ?? -1).ino);
          closeSync(fd);
        }
      }
    }
    for (const fd of fds) closeSync(fd);
    expect(openFiles()).toEqual([]);
  });

  test('come in signals, one for each who listens, and in properties', async () => {
    const heard: number[] = [];
    const rule = { sender: NAME, path: PATH, member: 'opened' };
    using _one = await client.subscribe(rule, ({ args }) => void heard.push(Number(args[1])));
    using _two = await client.subscribe(rule, ({ args }) => void heard.push(Number(args[1])));
    using _none = await client.subscribe({ ...rule, arg0: 'other' }, () => heard.push(-1));
    const fd = open();
    emit('this', fd);
    closeSync(fd);
    const target = { ...call, interface: 'org.freedesktop.DBus.Properties', member: 'Get' };
    const [log] = await client.call({ ...target, input: 'ss', output: 'v' }, [NAME, 'log']);
    heard.push((log as { value: number }).value);
    expect(new Set(heard).size).toBe(3);
    for (const one of heard) closeSync(one);
    // What the getter opened stays the server's.
    expect(openFiles()).toHaveLength(1);
  });

  test('that nobody takes are closed', async () => {
    const before = openFiles().length;
    const fd = open();
    for (const member of ['missing', 'echo']) {
      const target = { ...call, member, input: 'h', output: '' };
      await expect(client.call(target, [fd])).rejects.toMatchObject({ code: 'DBUS_ERROR' });
    }
    using _other = await client.subscribe({ sender: NAME, arg0: 'other' }, () => undefined);
    emit('this', fd);
    await client.findNameOwner(NAME);
    closeSync(fd);
    expect(openFiles()).toHaveLength(before);
  });

  test('that are none are refused before anything is sent', async () => {
    const target = { ...call, member: 'first_byte', input: 'h', output: 'y' };
    await expect(client.call(target, [12_345])).rejects.toMatchObject({ code: 'DBUS_BAD_VALUE' });
    await expect(client.call(target, [-1])).rejects.toMatchObject({ code: 'DBUS_BAD_VALUE' });
  });

  test('cannot be sent to a connection that did not agree to them', async () => {
    await using plain = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    plain.objects.export('/', { ...FILES, properties: {} }, { methods: plainHandlers });
    const fd = open();
    const target = { destination: plain.uniqueName, path: '/', interface: NAME };
    const calling = client.call({ ...target, member: 'first_byte', input: 'h', output: 'y' }, [fd]);
    await expect(calling).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.NotSupported',
    });
    closeSync(fd);
  });

  test('a connection ends like any other, by us and by the bus', async () => {
    await using own = await startPrivateBus();
    const bus = await connectBus({
      ...{ address: own.address, timeoutMs: 5000, openSocket: openDescriptorSocket },
      reconnect: { firstDelayMs: 10, delayMaxMs: 100 },
    });
    const states: string[] = [];
    const back = new Promise<void>((resolve) => {
      bus.onStateChange(({ kind }) => {
        states.push(kind);
        if (kind === 'reconnected') resolve();
      });
    });
    await own.restart();
    await back;
    expect(bus.uniqueName).toMatch(/^:/);
    await bus.close();
    expect(states).toEqual(['disconnected', 'reconnected', 'closed']);
  });
});

const plainHandlers = Object.fromEntries(
  Object.keys(FILES.methods).map((name) => [name, () => undefined]),
);

describeWith(NO_COMPILER)('a bus that', () => {
  beforeAll(buildDescriptorAddon);

  /** Answers each line of a client with the next of these, then says no more. */
  async function connectTo(
    answers: readonly string[],
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<unknown> {
    using folder = temporaryFolder();
    const left = [...answers];
    const server = createServer((socket) => {
      socket.on('data', () => {
        const answer = left.shift();
        if (answer !== undefined) socket.write(`${answer}\r\n`);
      });
      socket.on('error', () => undefined);
    });
    const socketPath = path.join(folder.path, 'bus');
    server.listen(socketPath);
    await once(server, 'listening');
    try {
      const address = `unix:path=${socketPath}`;
      const openSocket = openDescriptorSocket;
      return await connectBus({ address, timeoutMs: 5000, openSocket, ...options });
    } finally {
      server.close();
    }
  }

  test.each([
    ['refuses our user', ['REJECTED EXTERNAL'], 'DBUS_CONNECT_FAILED'],
    ['passes no descriptors', ['OK 1234', 'ERROR'], 'DBUS_NO_DESCRIPTORS'],
    ['never ends a line', ['x'.repeat(20_000)], 'DBUS_CONNECT_FAILED'],
  ])('%s is told apart', async (_, answers, code) => {
    await expect(connectTo(answers)).rejects.toMatchObject({ code });
  });

  test('says nothing is left at the time-out, or when we are called off', async () => {
    await expect(connectTo([], { timeoutMs: 30 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(connectTo(['OK 1234'], { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const controller = new AbortController();
    const connecting = connectTo([], { signal: controller.signal });
    controller.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('is not there has its address in the error', async () => {
    const address = 'unix:path=/nonexistent/bus';
    await expect(
      connectBus({ address, timeoutMs: 1000, openSocket: openDescriptorSocket }),
    ).rejects.toMatchObject({ code: 'DBUS_CONNECT_FAILED', context: { address } });
  });
});
