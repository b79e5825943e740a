/** The manager as a process that is killed at any moment, on an embedded host. Needs the build. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../db/database.ts';
import { EmbeddedHost, IS_BUILT } from './embedded-host.test-helper.ts';

const PROGRAM = fileURLToPath(
  new URL('../../dist/life/manager-process.test-helper.js', import.meta.url),
);
const testBuilt = IS_BUILT && existsSync(PROGRAM) ? test : test.skip;
jest.setTimeout(180_000);

const BACKEND = '55555555-0000-4000-8000-000000000000';
const OTHERS = [1, 2, 3, 4, 5].map((at) => `55555555-0000-4000-8000-00000000000${at}`);
const ALL = [BACKEND, ...OTHERS];
/** How often the manager is killed, each time later than the time before. */
const KILLS = 8;
const STEP_MS = 150;

let bench: EmbeddedHost;
/** Those of a test that failed would start monitors for ever. */
const managers = new Set<ChildProcess>();
beforeEach(async () => {
  if (IS_BUILT) bench = await EmbeddedHost.open();
});
afterEach(async () => {
  for (const child of managers) child.kill('SIGKILL');
  managers.clear();
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

async function fillDatabase(): Promise<void> {
  await using database = await openDatabase(path.join(bench.folder, 'db'));
  await database.transact((draft) => {
    for (const uuid of ALL) {
      const isBackend = uuid === BACKEND;
      const settings = {
        uuid: uuid,
        type: isBackend ? 'ndvm' : 'svm',
        start_on_boot: 'true',
        'config/virt-type': 'pvh',
        'config/memory': '16',
        'config/kernel': bench.kernel,
        ...(isBackend
          ? {}
          : { 'track-dependencies': 'true', 'config/nic/0/backend-uuid': BACKEND }),
        // The NIC itself would need a bridge.
        'policies/wired-networking': 'false',
      };
      for (const [key, value] of Object.entries(settings)) draft.write(`/vm/${uuid}/${key}`, value);
    }
  });
}

function startManager(): { readonly child: ChildProcess; readonly said: () => Promise<string> } {
  const child = spawn(process.execPath, [PROGRAM, bench.folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  managers.add(child);
  const lines = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return { child, said: async () => String((await iterator.next()).value) };
}

async function runningVms(): Promise<readonly string[]> {
  const domains = await bench.host.hypervisor.listDomains();
  return domains
    .filter(({ domid }) => domid !== 0)
    .map(({ uuid }) => uuid)
    .sort();
}

testBuilt(
  'killed again and again while VMs start, the manager ends with each of them running once',
  async () => {
    await fillDatabase();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const { child, said } = startManager();
      expect(await said()).toBe('adopted');
      await new Promise((resolve) => setTimeout(resolve, kill * STEP_MS));
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      // Now and then the monitor is killed, too.
      if (kill % 3 === 0) await bench.kill(await bench.monitorPid());
    }
    const { child, said } = startManager();
    expect([await said(), await said()]).toEqual(['adopted', 'started']);
    expect(await runningVms()).toEqual(ALL);
    const { store } = bench.host;
    expect(await store.directory('/xenmgr/starting')).toEqual([]);
    expect([...(await store.directory('/xenmgr/vms'))].sort()).toEqual(ALL);
    const ended = once(child, 'exit');
    child.stdin?.write('stop\n');
    expect(await said()).toBe('stopped');
    await ended;
    expect(await runningVms()).toEqual([]);
    await using database = await openDatabase(path.join(bench.folder, 'db'));
    expect(database.view().list('/xenmgr/autostart-pending-vms')).toEqual([]);
  },
);
