import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManagedHost, type LabVm } from './managed-host.lab-helper.ts';

/** A host whose VMs, one of each kind, start with it and stop with it, on real Xen: what happens to the manager happens to no guest. */
const TEST_TIMEOUT_MS = 900_000;
const STORAGE = 'aaaaaaaa-0000-4000-8000-000000000001';
const DESKTOP = 'aaaaaaaa-0000-4000-8000-000000000002';
const SERVER = 'aaaaaaaa-0000-4000-8000-000000000003';
const ALL = [STORAGE, DESKTOP, SERVER];

/** The one that the desktop needs would start last and stop first by its priorities alone. */
const VMS: readonly LabVm[] = [
  { uuid: STORAGE, name: 'storage', kind: 'pv', startPriority: 1, stopPriority: 20 },
  {
    ...{ uuid: DESKTOP, name: 'desktop', kind: 'pvh', startPriority: 5, stopPriority: 10 },
    needs: STORAGE,
  },
  { uuid: SERVER, name: 'server', kind: 'hvm', startPriority: 9, stopPriority: 5 },
];

let host: ManagedHost;
beforeAll(async () => {
  host = await ManagedHost.start();
  for (const vm of VMS) await host.create(vm);
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);

const now = (): Promise<string> => host.sh("date '+%F %T'");
const everyOneOnce = (): unknown =>
  new Map(ALL.map((uuid) => [uuid, [expect.any(Number)]] as const));

test(
  'killed while it starts each of the VMs, the manager is back and ends with every one of them running once',
  async () => {
    await host.boot();
    for (const uuid of [SERVER, STORAGE, DESKTOP]) await host.killWhenStarting(uuid);
    await host.waitRunning(ALL);
    const guests = await host.guests();
    expect(guests).toEqual(everyOneOnce());
    const domid = (uuid: string): number => guests.get(uuid)?.[0] ?? 0;
    expect(domid(DESKTOP)).toBeGreaterThan(domid(STORAGE));
    expect(await host.sh('systemctl show --property=NRestarts --value xenmgr')).toBe('3');
  },
  TEST_TIMEOUT_MS,
);

test(
  'the monitor is killed and guests notice nothing; the next one has them again',
  async () => {
    const before = await host.guests();
    await host.sh('systemctl kill --signal=KILL --kill-whom=main xenvm');
    await host.sh('xec-vm -n desktop pause');
    expect(await host.sh("xl list vm-$1 | awk 'END { print $5 }'", DESKTOP)).toContain('p');
    await host.sh('xec-vm -n desktop unpause');
    expect(await host.guests()).toEqual(before);
    await host.waitRunning(ALL);
  },
  TEST_TIMEOUT_MS,
);

test(
  'when the manager powers the host off, guests have stopped in order before',
  async () => {
    const since = await now();
    const powered = await host.playPower();
    await host.sh('xec -o /host shutdown');
    expect(await powered()).toBe('poweroff');
    expect(await host.guests()).toEqual(new Map());
    expect(await host.stoppedSince(since)).toEqual([DESKTOP, STORAGE, SERVER]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'when systemd takes the host down, its guests stop in order, and the manager ends after them',
  async () => {
    for (const name of ['desktop', 'server']) await host.sh('xec-vm -n "$1" start', name);
    await host.waitRunning(ALL);
    const since = await now();
    await host.sh('systemctl stop xenmgr-guests');
    expect(await host.guests()).toEqual(new Map());
    expect(await host.stoppedSince(since)).toEqual([DESKTOP, STORAGE, SERVER]);
    expect(await host.sh('systemctl show --property=ActiveState --value xenmgr')).toBe('inactive');
  },
  TEST_TIMEOUT_MS,
);
