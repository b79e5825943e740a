import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { EventLog } from './event-log.ts';
import { MESSAGE_BYTES_MAX, NOTIFICATION, renderLine, renderMessage } from './notification.ts';
import { Notifier } from './notifier.ts';
import { StreamTransport } from './stream-transport.ts';

const UUID = '11111111-2222-3333-4444-555555555555';

describe('the text', () => {
  test('is the historical line', () => {
    const message = renderMessage(['vm', 'state', 'running']);
    expect(renderLine({ uuid: UUID, code: NOTIFICATION.state, message })).toBe(
      '11111111-2222-3333-4444-555555555555:61440:vm:state:running\n',
    );
  });

  test('of a guest cannot pass for another line or another field', () => {
    const forged = renderMessage(['power:state', `3\n${UUID}:61440:vm:state:shutdown`]);
    expect(forged).toBe(`power?state:3?${UUID}:61440:vm:state:shutdown`);
  });

  test('is cut between characters', () => {
    const long = renderMessage(['x', 'ä'.repeat(MESSAGE_BYTES_MAX)]);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
    expect(long).not.toContain('\ufffd');
  });
});

describe('listeners', () => {
  let server: Server;
  let sockets: Socket[];
  let lines: string[];

  beforeEach(async () => {
    [sockets, lines] = [[], []];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => lines.push(text));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const transportTo = (port: number, failures: unknown[] = []): StreamTransport =>
    new StreamTransport({
      target: { kind: 'tcp', host: '127.0.0.1', port },
      onFailure: (error) => failures.push(error),
    });

  const portOf = (): number => (server.address() as AddressInfo).port;

  test('on TCP get a connection per line, in order', async () => {
    const notifier = new Notifier(UUID, new EventLog('one'));
    notifier.setTransports([transportTo(portOf())]);
    for (let n = 0; n < 20; n += 1) notifier.notify(NOTIFICATION.trigger, ['n', String(n)]);
    await notifier.flush();
    expect(lines).toEqual(Array.from({ length: 20 }, (_, n) => `${UUID}:8192:n:${n}\n`));
    expect(notifier.droppedCount).toBe(0);
  });

  test('that are not there cost nothing but a count, and one report', async () => {
    const failures: unknown[] = [];
    const port = portOf();
    server.close();
    const transport = transportTo(port, failures);
    for (let n = 0; n < 5; n += 1) transport.send({ uuid: UUID, code: 0, message: 'ping' });
    await transport.flush();
    expect(transport.droppedCount).toBe(5);
    expect(failures).toHaveLength(1);
  });

  test('that are slow lose the oldest lines, and the sender never waits', () => {
    const transport = transportTo(portOf());
    for (let n = 0; n < 3000; n += 1) transport.send({ uuid: UUID, code: 0, message: `${n}` });
    expect(transport.droppedCount).toBeGreaterThan(1900);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
