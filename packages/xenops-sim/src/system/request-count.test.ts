import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { WireClient } from '@xenops/core/xenstore';
import { createSimHost } from '../sim-host.ts';
import { inProcessConnector } from '../xenstored/in-process.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';
import { hostOf, makeGuest } from './whole-host.test-helper.ts';

/** xl makes 123 (observed on Xen 4.17). Each one costs a millisecond in a Dom0 with oxenstored. */
const REQUESTS_MAX = 110;

test('a small paused guest costs few requests to xenstored', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
  const kernelPath = await writeKernel(folder);
  await using sim = await createSimHost();
  const connect = inProcessConnector(sim.control.xenstored);
  let requestCount = 0;
  await using store = new WireClient(async (handlers) => {
    const transport = await connect(handlers);
    return {
      send: (message) => {
        requestCount += 1;
        transport.send(message);
      },
      setRef: (keepAlive) => transport.setRef(keepAlive),
      close: () => transport.close(),
    };
  });
  await makeGuest({ ...hostOf(sim), store }, kernelPath, { name: 'small' });
  expect(requestCount).toBeLessThanOrEqual(REQUESTS_MAX);
  await rm(folder, { recursive: true });
});
