// The guest under xl on real Xen: what it promises to tests, as PV and as PVH.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TESTGUEST_UP } from './index.ts';
import { XlHost, type GuestType } from './xl-host.lab-helper.ts';

/** Commands have deadlines of their own. */
const TEST_TIMEOUT_MS = 1_800_000;
const XVDA = 51_712;
const GUEST_ADDRESS = '192.168.77.9';
const MAC = '00:16:3e:00:00:01';
/** The test guest needs a small part of what the Debian kernel needs to say that it is up. */
const BOOT_RATIO_MAX = 0.2;

let host: XlHost;

beforeAll(async () => {
  host = await XlHost.start();
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);

const backendPath = async (name: string, device: string): Promise<string> =>
  `/local/domain/0/backend/${device.replace('/', `/${await host.domid(name)}/`)}`;

async function attachDisk(name: string): Promise<void> {
  await host.xl('block-attach', name, `phy:${host.disk},xvda,w`);
  await host.waitFor(`${await backendPath(name, `vbd/${XVDA}`)}/state`, '4');
  await host.waitFor(`/local/domain/${await host.domid(name)}/device/vbd/${XVDA}/state`, '4');
}

async function attachNetwork(name: string): Promise<void> {
  await host.xl('network-attach', name, `mac=${MAC}`, 'bridge=xenbr0');
  await host.waitFor(`${await backendPath(name, 'vif/0')}/state`, '4');
}

describe.each<GuestType>(['pv', 'pvh'])('a %s guest', (type) => {
  const name = type;

  afterEach(async () => {
    await host.sh('xl destroy "$1" || true', name);
    expect(await host.leftovers()).toBe('');
  }, TEST_TIMEOUT_MS);

  test(
    'comes up in 4 MiB, reads its console, answers requests and is held to its permissions',
    async () => {
      await host.create({ name, type, extra: 'quiet testguest.ip=192.168.77.9' });
      expect(await host.readConsole(name, TESTGUEST_UP)).toBe(`${TESTGUEST_UP} ${type} 4096 KiB`);
      expect(await host.read(name, 'data/testguest/kind')).toBe(type);
      await host.type(name, 'a line');
      expect(await host.readConsole(name, 'a line')).toBe('a line');
      await host.type(name, 'testguest read name');
      expect(await host.readConsole(name, name)).toBe(`ok ${name}`);
      expect(await host.ask(name, 'write memory/target 1')).toBe('error EACCES');
      expect(await host.ask(name, 'write /local/domain/0/name x')).toBe('error EACCES');
      expect(await host.ask(name, 'write data/mine 1')).toBe('ok');
      expect(await host.ask(name, 'no-such-thing')).toBe('error no such request');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'has disks and network cards come and go, and uses them',
    async () => {
      await host.create({ name, type, extra: `testguest.ip=${GUEST_ADDRESS}` });
      await attachDisk(name);
      expect(await host.ask(name, `disk-size ${XVDA}`)).toBe('ok 4096 sectors');
      const written = await host.ask(name, `disk-write ${XVDA} 100 300 7`);
      expect(written).toBe(`ok ${await host.diskCrc(100, 300)}`);
      expect(await host.ask(name, `disk-read ${XVDA} 0 4096`)).toBe(
        `ok ${await host.diskCrc(0, 4096)}`,
      );
      expect(await host.ask(name, `disk-flush ${XVDA}`)).toBe('ok');
      expect(await host.ask(name, `disk-read ${XVDA} 4090 8`)).toMatch(/^error .* sector 4090$/);

      await attachNetwork(name);
      await host.ping(GUEST_ADDRESS);

      await host.ask(name, 'set ignore-closing');
      const backend = await backendPath(name, 'vif/0');
      const closing = { path: `${backend}/state`, value: '5' };
      const front = `/local/domain/${await host.domid(name)}/device/vif/0/state`;
      await host.writeAndWait(closing, closing);
      for (let round = 0; round < 2; round++) await host.ask(name, 'ping');
      expect(await host.read(name, 'device/vif/0/state')).toBe('4');
      await host.ask(name, 'set ignore-closing=off');
      await host.waitFor(front, '6');

      await host.xl('network-detach', name, '0');
      await host.xl('block-detach', name, 'xvda');
      expect(await host.ask(name, `disk-size ${XVDA}`)).toMatch(/^error/);
      await host.ask(name, 'set ignore-connect');
      await host.xl('network-attach', name, `mac=${MAC}`, 'bridge=xenbr0');
      for (let round = 0; round < 2; round++) await host.ask(name, 'ping');
      expect(await host.ask(name, 'net 0')).toMatch(/^error/);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is saved and restored with a load, a disk and a network card, and balloons',
    async () => {
      await host.create({
        name,
        type,
        memoryMib: 16,
        maxMemoryMib: 32,
        extra: `testguest.ip=${GUEST_ADDRESS}`,
      });
      await attachDisk(name);
      await attachNetwork(name);
      await host.xl('mem-set', name, '24');
      expect(await host.ask(name, 'memory')).toMatch(/^ok 24576 KiB held/);
      expect(await host.ask(name, 'work 16384 1')).toBe('ok');
      await host.sh('xl save "$1" "$1.save" 2>&1 && xl restore "$1.save" 2>&1', name);
      expect(await host.ask(name, 'uptime')).toMatch(/, 1 resumes$/);
      expect(await host.ask(name, 'check')).toMatch(/^ok /);
      await host.waitFor(`/local/domain/${await host.domid(name)}/device/vbd/${XVDA}/state`, '4');
      expect(await host.ask(name, `disk-read ${XVDA} 0 64`)).toBe(
        `ok ${await host.diskCrc(0, 64)}`,
      );
      await host.waitFor(`${await backendPath(name, 'vif/0')}/state`, '4');
      await host.ping(GUEST_ADDRESS);
      await host.sh('xl save -c "$1" "$1.save" 2>&1', name);
      expect(await host.ask(name, 'uptime')).toMatch(/, 1 resumes$/);
      expect(await host.ask(name, 'check')).toMatch(/^ok /);
      await host.ask(name, 'work off');
      await host.xl('mem-set', name, '8');
      expect(await host.ask(name, 'memory')).toMatch(/^ok 8192 KiB held/);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'reboots, shuts down, refuses to, and crashes',
    async () => {
      await host.create({ name, type, extra: 'testguest.ignore-shutdown' });
      expect(await host.ask(name, 'ping')).toBe('ok');
      // Not by xl, which waits a minute for the acknowledgement and fails.
      const request = `/local/domain/${await host.domid(name)}/control/shutdown`;
      await host.sh('xenstore-write "$1" poweroff', request);
      expect(await host.ask(name, 'ping')).toBe('ok');
      expect(await host.read(name, 'control/shutdown')).toBe('poweroff');
      await host.sh('xenstore-write "$1" ""', request);
      expect(await host.ask(name, 'set ignore-shutdown=off')).toBe('ok');
      await host.reboot(name);
      expect(await host.ask(name, 'set ignore-shutdown=off')).toBe('ok');
      await host.shutdown(name);

      await host.create({ name, type });
      expect(await host.ask(name, 'exit crash')).toBe('ok');
      expect(await host.sh('xl list "$1" | awk \'NR == 2 { print $5 }\'', name)).toMatch(/c/);
    },
    TEST_TIMEOUT_MS,
  );
});

test.each<GuestType>(['pv', 'pvh'])(
  'as %s it is up in a small part of the time of the Debian kernel',
  async (type) => {
    await host.create({ name: 'small', type }, '-p');
    const small = await host.timeBoot('small', TESTGUEST_UP);
    await host.xl('destroy', 'small');
    const { vmlinux, initrd } = host.lab.guest;
    const debian = [
      'name="debian"',
      `type="${type}"`,
      `kernel="${vmlinux}"`,
      `ramdisk="${initrd}"`,
      'extra="console=hvc0"',
      'memory=128',
      'tsc_mode="native"',
    ];
    await host.createFrom('debian', debian, '-p');
    const large = await host.timeBoot('debian', 'GUEST-UP');
    await host.xl('destroy', 'debian');
    process.stderr.write(
      `${type}: ${small} ms from unpause to up, the Debian kernel ${large} ms\n`,
    );
    expect(small / large).toBeLessThan(BOOT_RATIO_MAX);
  },
  TEST_TIMEOUT_MS,
);
