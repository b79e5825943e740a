import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { FrameDecoder } from '../wire/frame.ts';
import { encodeRequest } from '../wire/request.ts';
import { xenbusConnector } from './xenbus-transport.ts';

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
