/**
 * A guest that watches its home and never reads, on the daemons of Xen: whoever else works with xenstore goes on, and so
 * does our client that writes there, after a time-out at worst. The embedded server's own test is `deaf-guest.test.ts`.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';
import { describe, expect, jest } from '@jest/globals';
import { StoreClient, type OracleKind } from '@xenops/core/compliance';
import { hasCode } from '@xenops/core/errors';
import { systemClock, type Clock } from '@xenops/core/host';
import { socketConnector, WireClient } from '@xenops/core/xenstore';
import { encodeRequest } from '@xenops/core/xenstore/wire';
import { OracleHost } from './oracle-host.test-helper.ts';
import { findOracleTools, testWith, valueOf } from './oracle-tools.test-helper.ts';

const tools = await findOracleTools();
jest.setTimeout(60_000);
const oracleTest = testWith(tools);

const DEAF = 7;
const HOME = `/local/domain/${DEAF}`;
/** oxenstored stalls before; the C daemon never does, but compares each event with all that wait. */
const WRITES = 6_000;
const BATCH = 100;

/** Sixty times as fast as the machine's, so that a time-out of a minute is one of a second. */
const hurried: Clock = {
  nowMs: () => systemClock.nowMs() * 60,
  startTimer: (delayMs, fire) => systemClock.startTimer(delayMs / 60, fire),
};

/** Introduces the guest, has it watch its home, and leaves what comes in its ring. */
async function openDeafGuest(oracle: OracleHost): Promise<Socket> {
  using dom0 = await StoreClient.open(oracle.dom0);
  await oracle.setDomain(DEAF, 'alive');
  await dom0.introduce(DEAF);
  await dom0.mkdir(HOME);
  await dom0.chmod(HOME, `n${DEAF}`);
  const socket = createConnection(path.join(path.dirname(oracle.socketPath), 'hypervisor'));
  await once(socket, 'connect');
  const order = Buffer.from('g\0\0\0');
  order.writeUInt16LE(DEAF, 2);
  socket.write(order);
  const watch = { name: 'watch', path: HOME, token: 't' } as const;
  const answered = once(socket, 'data');
  socket.write(encodeRequest(watch, { requestId: 1, transactionId: 0 }));
  await answered;
  socket.pause();
  return socket;
}

/** Writes where the guest watches; gives how many writes were answered before one was not. */
async function writeWithoutEnd(client: WireClient): Promise<number> {
  for (let done = 0; done < WRITES; done += BATCH) {
    const writes = Array.from({ length: BATCH }, (_, index) =>
      client.write(`${HOME}/n${done + index}`, 'v'),
    );
    try {
      await Promise.all(writes);
    } catch (error) {
      await Promise.allSettled(writes);
      if (hasCode(error, 'TIMEOUT', 'XENSTORE_CLOSED')) return done;
      throw error;
    }
    await Promise.all(
      writes.map((_, index) => client.rm(`${HOME}/n${done + index}`).catch(() => undefined)),
    );
  }
  return WRITES;
}

describe('a guest that never reads', () => {
  for (const kind of ['xenstored', 'oxenstored'] as const satisfies readonly OracleKind[]) {
    oracleTest(`holds up nobody for longer than a time-out on ${kind}`, async () => {
      await using oracle = await OracleHost.start(kind, valueOf(tools));
      const deaf = await openDeafGuest(oracle);
      const connector = socketConnector(oracle.socketPath);
      await using writer = new WireClient(connector, { clock: hurried });
      await using other = new WireClient(connector, { clock: hurried });
      const answered = await writeWithoutEnd(writer);
      expect(answered === WRITES).toBe(kind === 'xenstored');
      await other.write('/alive', 'v');
      expect(await writer.read('/alive')).toBe('v');
      deaf.destroy();
    });
  }
});
