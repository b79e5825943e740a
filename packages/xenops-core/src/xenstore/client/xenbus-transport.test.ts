import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { encodeFrame, FrameDecoder } from '../wire/frame.ts';
import { encodeRequest } from '../wire/request.ts';
import { attachXenbus, xenbusConnector, type XenbusFile } from './xenbus-transport.ts';

const silent = { onData: () => undefined, onClose: () => undefined };

test('a device that is not there is XENSTORE_UNAVAILABLE, with its path', async () => {
  await expect(xenbusConnector('/dev/xen/none')(silent)).rejects.toMatchObject({
    code: 'XENSTORE_UNAVAILABLE',
    context: { path: '/dev/xen/none' },
  });
});

test('what the device refuses is answered under the name of its error', async () => {
  let take = (_chunk: Uint8Array): void => undefined;
  const refused = new Promise<Uint8Array>((resolve) => (take = resolve));
  // Every write to it fails with ENOSPC; what is read from it are NULs without end.
  const transport = await xenbusConnector('/dev/full')({
    onData: (chunk) => {
      if (chunk.some((byte) => byte !== 0)) take(chunk);
    },
    onClose: () => undefined,
  });
  transport.send(encodeRequest({ name: 'read', path: '/a' }, { requestId: 7, transactionId: 0 }));
  const decoder = new FrameDecoder();
  decoder.push(await refused);
  transport.close();
  const reply = decoder.next();
  expect(reply).toMatchObject({ type: 16, requestId: 7 });
  expect(String(reply?.payload)).toBe('ENOSPC\0');
});

test('the end of what can be read is the end of the connection', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'xenbus-'));
  const device = path.join(folder, 'device');
  await writeFile(device, 'bytes');
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    void xenbusConnector(device)({
      onData: (chunk) => seen.push(Buffer.from(chunk).toString()),
      onClose: () => resolve(),
    });
  });
  expect(seen.join('')).toBe('bytes');
  await rm(folder, { recursive: true });
});

/**
 * A device as the kernel's is: one buffer, in which a request lies until a thread takes it at another time, and answers that
 * wait to be read. A request is answered with its payload.
 */
class Device implements XenbusFile {
  isClosed = false;
  #buffer: Buffer = Buffer.alloc(0);
  readonly #answers: Buffer[] = [];
  #wake: () => void = () => undefined;

  async write(message: Buffer): Promise<void> {
    if (message.length > 4096) throw Object.assign(new Error('too long'), { code: 'EINVAL' });
    this.#buffer = message;
    const requestId = message.readUInt32LE(4);
    setImmediate(() => {
      this.answer(message.readUInt32LE(0), requestId, this.#buffer.subarray(16));
    });
  }

  answer(type: number, requestId: number, payload: Uint8Array): void {
    this.#answers.push(encodeFrame({ type, requestId, transactionId: 0 }, [payload]));
    this.#wake();
  }

  async read(buffer: Buffer): Promise<{ readonly bytesRead: number }> {
    while (this.#answers.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return { bytesRead: (this.#answers.shift() ?? Buffer.alloc(0)).copy(buffer) };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** A connection to such a device, and what comes from it as `TYPE ID PAYLOAD`. */
function attach() {
  const device = new Device();
  const decoder = new FrameDecoder();
  const received: string[] = [];
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  const transport = attachXenbus(device, {
    onData: (chunk) => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        const { type, requestId, payload } = frame;
        received.push(`${type} ${requestId} ${payload.toString().replaceAll('\0', ' ').trim()}`);
      }
    },
    onClose: () => close(),
  });
  const read = (path: string, requestId: number): void =>
    transport.send(encodeRequest({ name: 'read', path }, { requestId, transactionId: 0 }));
  return { device, transport, received, closed, read };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('requests side by side do not take the place of each other in the buffer of the device', async () => {
  const { device, received, read } = attach();
  for (const id of [1, 2, 3]) read(`/n/${id}`, id);
  device.answer(15, 0, Buffer.from('/event\0t\0'));
  await turns(20);
  expect(received).toEqual(['15 0 /event t', '2 1 /n/1', '2 2 /n/2', '2 3 /n/3']);
});

test('a request that the device refuses holds up none behind it', async () => {
  const { received, read } = attach();
  read('/a', 1);
  read(`/${'p'.repeat(4085)}`, 2);
  read('/b', 3);
  await turns(20);
  expect(received).toEqual(['2 1 /a', '16 2 EINVAL', '2 3 /b']);
});

test.each([0, 1, 5])('closing with %d requests under way closes the device', async (count) => {
  const { device, transport, closed, read } = attach();
  for (let id = 1; id <= count; id += 1) read('/a', id);
  transport.close();
  transport.close();
  await closed;
  expect(device.isClosed).toBe(true);
});
