import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import path from 'node:path';
import { encodeHistorical } from './framing-codec.ts';
import { FakePort } from './fake-port.test-helper.ts';
import { renderHistoricalRequest } from './message-codec.ts';
import { serveTasks, type RpcServer } from './rpc-server.ts';
import { makeTestFolder, TestClient } from './test-client.test-helper.ts';

const START = Buffer.from(
  '0000004c7b226a736f6e727063223a2022322e30222c20226d6574686f64223a20227374617274222c2022706172616d' +
    '73223a207b22706175736564223a202274727565227d2c20226964223a20317d',
  'hex',
);

let port: FakePort;
let server: RpcServer;
let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let socketPath: string;
const reported: unknown[] = [];

beforeEach(async () => {
  reported.length = 0;
  port = new FakePort();
  folder = await makeTestFolder();
  socketPath = path.join(folder.folder, 'vm-test');
  server = await serveTasks({ socketPath, port, report: (error) => reported.push(error) });
});

afterEach(async () => {
  await server.close(100);
  await folder[Symbol.asyncDispose]();
});

async function answerTo(bytes: Uint8Array): Promise<string> {
  using client = await TestClient.connect(socketPath);
  client.send(bytes);
  return await client.ended;
}

const request = (text: string): Uint8Array => encodeHistorical(text);

describe('the recorded bytes', () => {
  test('a start is what our own client sends', () => {
    const ours = encodeHistorical(renderHistoricalRequest('start', { paused: 'true' }));
    expect(Buffer.from(ours).toString('hex')).toBe(START.toString('hex'));
  });

  test('a start is answered with null', async () => {
    const answer = await answerTo(START);
    expect(answer).toBe('{"jsonrpc": "2.0", "id": 1, "result": null}');
    expect(Buffer.byteLength(answer)).toBe(43);
  });

  test('a text is answered with it', async () => {
    const asked = request('{"jsonrpc": "2.0", "method": "get-status", "params": {}, "id": 1}');
    expect(await answerTo(asked)).toBe('{"jsonrpc": "2.0", "id": 1, "result": "running"}');
  });

  test.each([
    ['a missing id', '{"method":"get-status","params":[]}', '0'],
    ['no id at all (null)', '{"method":"get-status","params":[],"id":null}', '0'],
    ['a text', '{"method":"get-status","params":[],"id":"a/b"}', '"a\\/b"'],
    ['any value', '{"method":"get-status","params":[],"id":{"a": [1, true]}}', '{"a": [1, true]}'],
    ['the first of two members', '{"id":1,"method":"get-status","params":[],"id":2}', '1'],
  ])('the id of an answer to %s', async (_what, text, id) => {
    expect(await answerTo(request(text))).toBe(
      `{"jsonrpc": "2.0", "id": ${id}, "result": "running"}`,
    );
  });

  test('an unknown task is answered under id 0', async () => {
    const asked = request('{"jsonrpc": "2.0", "method": "status", "params": [], "id": 7}');
    expect(await answerTo(asked)).toBe(
      '{"jsonrpc": "2.0", "id": 0, "error": {"code": -32602, "message": "unknown RPC"}}',
    );
  });

  test('a length of 0 drops the connection without a word', async () => {
    expect(await answerTo(Uint8Array.of(0, 0, 0, 0))).toBe('');
  });
});

test('a slash is escaped, and a request in single bytes is understood', async () => {
  using client = await TestClient.connect(socketPath);
  const asked = request('{"method":"echo","params":{"file":"/a"},"id":"x"} trailing');
  for (const byte of asked) client.send(Uint8Array.of(byte));
  expect(await client.ended).toBe(
    '{"jsonrpc": "2.0", "id": "x", "result": "{\\"file\\":\\"\\/a\\"}"}',
  );
});

test('a failed task says its historical sentence, with the new name beside it', async () => {
  const answer = await answerTo(request('{"method":"halt","params":[],"id":3}'));
  expect(JSON.parse(answer)).toEqual({
    jsonrpc: '2.0',
    id: 3,
    error: {
      code: -32602,
      message: 'error: shutdown request halt not acknowledged',
      data: {
        name: 'DOMAIN_WRONG_STATE',
        context: { state: 'running', timeoutMs: 30_000 },
        causes: [],
        code: -32001,
      },
    },
  });
});

test('numbers and booleans are arguments, and a wrong type is an error that ends nothing (D33)', async () => {
  const good = await answerTo(request('{"method":"echo","params":{"a":1,"b":true},"id":1}'));
  expect(good).toContain('{\\"a\\":1,\\"b\\":true}');
  const bad = await answerTo(request('{"method":"echo","params":{"a":{"b":1}},"id":1}'));
  expect(bad).toContain('Argument \\"a\\" must be');
  expect(await answerTo(START)).toContain('null');
});

test.each([
  ['text that is no JSON', request('start')],
  ['bytes that are no text', Uint8Array.of(0, 0, 0, 2, 0xff, 0xfe)],
  ['a length over the limit', Uint8Array.of(0x7f, 0xff, 0xff, 0xff)],
  ['a list', request('[]')],
  ['no parameters', request('{"method":"start","id":1}')],
  ['a thousand levels', request('['.repeat(1000))],
] as const)('%s is answered with an error under id 0', async (_what, bytes) => {
  const answer: unknown = JSON.parse(await answerTo(bytes));
  expect(answer).toMatchObject({ id: 0, error: { code: -32602 } });
});

test('a fault of ours is reported here, and the client hears only that there was one', async () => {
  const answer = await answerTo(request('{"method":"break","params":{},"id":1}'));
  expect(answer).toContain('unexpected error');
  expect(answer).not.toContain('secret');
  expect(reported).toEqual([expect.objectContaining({ message: 'secret internals' })]);
});

test('a client that hangs up leaves its task running and the others alone (D11)', async () => {
  const held = port.nextHeld();
  const client = await TestClient.connect(socketPath);
  client.send(request('{"method":"hold","params":{},"id":1}'));
  const call = await held;
  client.socket.destroy();
  await client.ended;
  expect(call.signal.aborted).toBe(false);
  call.resolve({});
  expect(await answerTo(START)).toContain('null');
});
