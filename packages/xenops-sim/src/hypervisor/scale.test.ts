import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createSimHost } from '../sim-host.ts';
import { buildGuest, settle, writeKernel } from '../testing/sim-guest.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('a thousand guests live at once, and leave the host as it was', async () => {
  const kernelPath = await writeKernel(folder);
  await using host = await createSimHost({ memoryKib: 67_108_864 });
  const { hypervisor, store } = host;
  const before = await hypervisor.physInfo();
  for (let count = 0; count < 1000; count += 1) {
    const domid = await buildGuest(host, kernelPath, { memoryKib: 16_384 });
    await hypervisor.unpause(domid);
  }
  await settle();
  const domains = await hypervisor.listDomains();
  expect(domains).toHaveLength(1001);
  for (const { domid } of domains) {
    if (domid === 0) continue;
    await hypervisor.destroy(domid);
    await store.rm(`/local/domain/${domid}`);
  }
  expect(await hypervisor.physInfo()).toEqual(before);
  expect(await store.directory('/local/domain')).toEqual(['0']);
});
