/** The protocol below the requests: malformed ones, order, ids, and what becomes of who breaks it. */
import assert from 'node:assert/strict';
import { PAYLOAD_BYTES_MAX } from '../xenstore/wire/limits.ts';
import { encodeFrame, type Frame } from '../xenstore/wire/frame.ts';
import { MessageType, type MessageName } from '../xenstore/wire/message-type.ts';
import { encodeRequest } from '../xenstore/wire/request.ts';
import {
  answers,
  home,
  sees,
  type StoreBench,
  storeCase,
  type StoreCase,
} from './xenstore-case.ts';

/** Requests of one path, which the C daemon refuses with whatever error it has met last when the path is malformed. */
const OF_ONE_PATH = ['read', 'directory', 'getPermissions', 'mkdir', 'rm'] as const;
const NOT_ONE_PATH = ['', '/tool', '/tool\0/tool\0'];

/** Payloads that no request of the type has. */
const MALFORMED: readonly (readonly [type: MessageName, payload: string])[] = [
  ['write', ''],
  ['write', '/tool'],
  ['setPermissions', ''],
  ['setPermissions', '/tool\0'],
  ['setPermissions', '/tool\0n0'],
  ['watch', ''],
  ['watch', '/a\0'],
  ['watch', '/a\0t'],
  ['unwatch', ''],
  ['unwatch', '/a\0'],
  ['introduce', ''],
  ['introduce', '7\0'],
  ['introduce', '7\x001\0'],
  ['release', ''],
  ['resume', ''],
  ['setTarget', ''],
  ['setTarget', '7\0'],
  ['isDomainIntroduced', ''],
  ['getDomainPath', ''],
  ['control', ''],
  ['control', 'no-such-command\0'],
];

/** Numbers that no request has. */
const UNKNOWN_TYPES = [15, 16, 20, 23, 24, 1000, 0x7fff_ffff, 0xffff_ffff];

/** Bytes after which a stream cannot be read any more. */
const BROKEN: readonly (readonly [what: string, length: number])[] = [
  ['4097', PAYLOAD_BYTES_MAX + 1],
  ['0x7fffffff', 0x7fff_ffff],
  ['0x80000000', 0x8000_0000],
  ['0xffffffff', 0xffff_ffff],
];

function header(length: number): Buffer {
  const bytes = encodeFrame({ type: MessageType.read, requestId: 1, transactionId: 0 }, []);
  bytes.writeUInt32LE(length, 12);
  return bytes;
}

const encodeRead = (path: string, requestId: number): Buffer =>
  encodeRequest({ name: 'read', path }, { requestId, transactionId: 0 });

const textOf = ({ payload }: Frame): string => payload.toString('latin1');

/** Another client, and the first domain, are served as before. */
async function assertServing(bench: StoreBench): Promise<void> {
  const other = await bench.connect();
  await answers(other.write('/alive', 'v'), 'OK');
  await answers(bench.dom0.read('/alive'), 'v');
}

/** Cases of the theme "frame". */
export const frameCases: readonly StoreCase[] = [
  ...OF_ONE_PATH.flatMap((type) =>
    NOT_ONE_PATH.map((payload): StoreCase =>
      storeCase(
        `${type} with the payload ${JSON.stringify(payload)} is refused, and the next request is served`,
        async ({ dom0 }) => {
          assert.match(await dom0.askRaw(MessageType[type], payload), /^E[A-Z0-9]+$/);
          await answers(dom0.getDomainPath(7), home(7));
        },
      ),
    ),
  ),
  ...MALFORMED.map(([type, payload]): StoreCase =>
    storeCase(
      `${type} with the payload ${JSON.stringify(payload)} is EINVAL, and the next request is served`,
      async ({ dom0 }) => {
        await answers(dom0.askRaw(MessageType[type], payload), 'EINVAL');
        await answers(dom0.getDomainPath(7), home(7));
      },
    ),
  ),
  ...['', 'unterminated', 'one\0two\0'].flatMap((payload) =>
    (['transactionStart', 'resetWatches'] as const).map((type) =>
      storeCase(
        `${type} with the payload ${JSON.stringify(payload)} is served: it is not looked at`,
        async ({ dom0 }) => {
          assert.match(await dom0.askRaw(MessageType[type], payload), /^(OK|[1-9][0-9]*)$/);
        },
      ),
    ),
  ),
  ...UNKNOWN_TYPES.map((type): StoreCase =>
    storeCase(
      `the message type ${type} is ENOSYS, and the next request is served`,
      async ({ dom0 }) => {
        await answers(dom0.askRaw(type, '/tool\0'), 'ENOSYS');
        await answers(dom0.getDomainPath(7), home(7));
      },
    ),
  ),
  ...BROKEN.map(([what, length]): StoreCase =>
    storeCase(`a length of ${what} ends the connection, and others go on`, async (bench) => {
      const hostile = await bench.connect();
      hostile.send(header(length));
      await hostile.closed();
      await assertServing(bench);
    }),
  ),
  storeCase('garbage ends the connection, and others go on', async (bench) => {
    const hostile = await bench.connect();
    hostile.send(Buffer.alloc(64, 'GET / HTTP/1.1\r\n'));
    await hostile.closed();
    await assertServing(bench);
  }),
  storeCase('half a header holds up nobody', async (bench) => {
    const slow = await bench.connect();
    slow.send(header(0).subarray(0, 7));
    await assertServing(bench);
    slow.send(Buffer.concat([header(3).subarray(7), Buffer.from('/x\0')]));
    assert.equal(textOf(await slow.nextFrame()), 'ENOENT\0');
  }),
  storeCase('half a payload holds up nobody', async (bench) => {
    const slow = await bench.connect();
    slow.send(Buffer.concat([header(6), Buffer.from('/to')]));
    await assertServing(bench);
    slow.send(Buffer.from('ol\0'));
    assert.equal(textOf(await slow.nextFrame()), '');
  }),
  storeCase('a request that comes byte by byte is served', async ({ dom0 }) => {
    for (const byte of encodeRead('/tool', 9)) dom0.send(Buffer.of(byte));
    assert.equal((await dom0.nextFrame()).requestId, 9);
  }),
  storeCase('a client that leaves in the middle of a request harms nobody', async (bench) => {
    const slow = await bench.connect();
    slow.send(header(100));
    slow[Symbol.dispose]();
    await assertServing(bench);
  }),
  ...[0, 1, 0x8000_0000, 0xffff_ffff].map((requestId): StoreCase =>
    storeCase(`the request id ${requestId} comes back with the type`, async ({ dom0 }) => {
      dom0.send(encodeRead('/tool', requestId));
      const frame = await dom0.nextFrame();
      assert.deepEqual([frame.type, frame.requestId], [MessageType.read, requestId]);
    }),
  ),
  storeCase('an error has its own type and the id of the request', async ({ dom0 }) => {
    dom0.send(encodeRead('/none', 77));
    const frame = await dom0.nextFrame();
    assert.deepEqual(
      [frame.type, frame.requestId, textOf(frame)],
      [MessageType.error, 77, 'ENOENT\0'],
    );
  }),
  storeCase('the transaction id comes back in the answer', async ({ dom0 }) => {
    const transactionId = await dom0.begin();
    dom0.send(encodeRequest({ name: 'read', path: '/tool' }, { requestId: 5, transactionId }));
    assert.equal((await dom0.nextFrame()).transactionId, transactionId);
  }),
  storeCase('many requests at once are answered in order', async ({ dom0 }) => {
    const ids = Array.from({ length: 500 }, (_, index) => index + 1000);
    for (const id of ids) await answers(dom0.write(`/n/${id % 10}`, ''), 'OK');
    dom0.send(Buffer.concat(ids.map((id) => encodeRead(`/n/${id % 20}`, id))));
    for (const id of ids) assert.equal((await dom0.nextFrame()).requestId, id);
  }),
  storeCase('many requests of a guest at once are answered in order', async (bench) => {
    const guest = await bench.guest(7);
    const ids = Array.from({ length: 200 }, (_, index) => index + 1000);
    guest.send(Buffer.concat(ids.map((id) => encodeRead('data', id))));
    for (const id of ids) assert.equal((await guest.nextFrame()).requestId, id);
  }),
  storeCase('requests and answers longer than the ring go through it whole', async (bench) => {
    const guest = await bench.guest(7);
    const value = Array.from({ length: 1900 }, (_, index) => String(index % 10)).join('');
    for (let turn = 0; turn < 5; turn += 1) {
      await answers(guest.write('long', value), 'OK');
      await answers(guest.read('long'), value);
    }
  }),
  storeCase('a guest that breaks the protocol is cut off, and others go on', async (bench) => {
    const [hostile, other] = [await bench.guest(7), await bench.guest(8)];
    hostile.send(header(0xffff_ffff));
    await hostile.closed();
    await answers(other.write('data', 'v'), 'OK');
    await assertServing(bench);
  }),
  storeCase('a guest that broke the protocol still has a death', async (bench) => {
    const hostile = await bench.guest(7);
    await hostile.write('data', 'v');
    hostile.send(header(0xffff_ffff));
    await bench.kill(7);
    await answers(bench.dom0.read(`${home(7)}/data`), 'ENOENT');
    await answers(bench.dom0.isIntroduced(7), 'F');
  }),
  storeCase('an event is no answer: it has a type of its own and the id 0', async ({ dom0 }) => {
    await dom0.watch('/a');
    await sees(dom0, '/a t');
    await dom0.write('/a', 'v');
    await sees(dom0, '/a t');
  }),
  storeCase('fifty clients are served side by side', async (bench) => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => bench.connect()));
    const written = await Promise.all(
      clients.map((client, index) => client.write(`/c/${index}`, String(index))),
    );
    assert.ok(written.every((answer) => answer === 'OK'));
    await answers(bench.dom0.read('/c/49'), '49');
  }),
];
