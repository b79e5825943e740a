import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { ManagedHost } from './managed-host.lab-helper.ts';

/** The guide for administrators, to the letter, on real Xen. */
const TEST_TIMEOUT_MS = 900_000;
const GUIDE = new URL('../../../../docs/guides/admin.md', import.meta.url);

let host: ManagedHost;
beforeAll(async () => {
  host = await ManagedHost.open();
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);

test(
  'every command of the guide that can be run in a lab does what it says',
  async () => {
    const text = await readFile(GUIDE, 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
    expect(blocks.length).toBeGreaterThan(5);
    await host.putGuest('/var/lib/guests');
    const output: string[] = [];
    for (const block of blocks) output.push(await host.sh(`set -e\n${block}`));
    const printed = output.join('\n');
    expect(printed).toMatch(/\d+ \| storage +\| [0-9a-f-]{36} \| running/);
    expect(printed).toMatch(/\d+ \| web +\| [0-9a-f-]{36} \| running/);
    expect(await host.guests()).toEqual(new Map());
  },
  TEST_TIMEOUT_MS,
);
