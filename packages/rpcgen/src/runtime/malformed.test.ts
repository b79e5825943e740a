/** A bus that does not keep to the protocol. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { connectBus } from './bus.ts';
import type { BusState } from './bus-options.ts';
import { bodyCodec } from './wire/body-codec.ts';
import { finishMessage, MESSAGE_TYPE, renderHeader, startMessage } from './wire/message.ts';
import { Writer } from './wire/writer.ts';

const GARBAGE = Buffer.from('GET / HTTP/1.1\r\n\r\n');

/** The answer to Hello. */
function helloReply(): Buffer {
  const writer = new Writer();
  const template = renderHeader(MESSAGE_TYPE.reply, { signature: 's' });
  writer.start(1000);
  startMessage(writer, template, { serial: 1, flags: 1, replySerial: 1 });
  bodyCodec('s').write(writer, [':1.1']);
  finishMessage(writer, template);
  return Buffer.from(writer.bytes.subarray(0, writer.position));
}

/** Waits until the other side has sent this. */
async function expectText(socket: Socket, text: string): Promise<void> {
  let received = '';
  while (!received.includes(text)) {
    received += String((await once(socket, 'data'))[0]);
  }
}

/** Serves one client: lets it in and answers its Hello, then does what it is told. */
async function startBus(
  behave: (socket: Socket) => void,
): Promise<{ address: string; close(): void }> {
  const serve = async (socket: Socket): Promise<void> => {
    await expectText(socket, 'AUTH');
    socket.write('OK 00112233445566778899aabbccddeeff\r\n');
    await expectText(socket, 'Hello');
    behave(socket);
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    void serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { address: `tcp:host=127.0.0.1,port=${port}`, close: () => void server.close() };
}

test('what is no message closes the connection, rejects what is pending, and no more', async () => {
  const server = await startBus((socket) => {
    socket.write(helloReply());
    socket.once('data', () => void socket.write(GARBAGE));
  });
  const bus = await connectBus({ address: server.address, timeoutMs: 5000 });
  const state = new Promise<BusState>((resolve) => void bus.onStateChange(resolve));
  await expect(bus.findNameOwner('org.example.Any')).rejects.toMatchObject({
    code: 'DBUS_PROTOCOL',
  });
  expect(await state).toMatchObject({ kind: 'closed', reason: { code: 'DBUS_PROTOCOL' } });
  await expect(bus.findNameOwner('org.example.Any')).rejects.toMatchObject({
    code: 'DBUS_PROTOCOL',
  });
  server.close();
});

test('a bus that breaks the protocol while it lets us in does not let us in', async () => {
  const server = await startBus((socket) => socket.write(Buffer.concat([helloReply(), GARBAGE])));
  await expect(connectBus({ address: server.address, timeoutMs: 5000 })).rejects.toMatchObject({
    code: 'DBUS_PROTOCOL',
  });
  server.close();
});
