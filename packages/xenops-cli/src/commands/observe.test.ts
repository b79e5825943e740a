import { describe, expect, test } from '@jest/globals';
import { domid } from '@xenops/core/ids';
import { startSim } from '../sim.test-helper.ts';

const lines = (text: string): readonly unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

describe('stats', () => {
  test('shows each domain once, with its disks and interfaces', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain', '--name', 'web');
    const { files } = sim.sim.control.machine;
    // A folder of the simulated machine holds files only, so the device is listed through one of its name.
    files.set('/sys/class/net/vif1.0', '');
    files.set('/sys/class/net/vif1.0/statistics/rx_bytes', '4096\n');
    const { status, out } = await sim.exec('stats', '-domid', '1', '--json');
    expect(status).toBe(0);
    expect(lines(out)).toMatchObject([
      {
        domains: [{ domid: 1, name: 'web', cpuTimeNs: '0', nics: [{ devid: 0, sentBytes: 4096 }] }],
        rates: null,
      },
    ]);
    expect((await sim.exec('stats')).out).toContain('web');
  });

  test('shows rates from the second on', async () => {
    await using sim = await startSim();
    const { out } = await sim.exec('stats', '--interval', '0.01', '--count', '3', '--json');
    const shown = lines(out) as { rates: unknown }[];
    expect(shown.map(({ rates }) => rates === null)).toEqual([true, false, false]);
    const text = await sim.exec('stats', '--interval', '0.01', '--count', '2', '--vcpus');
    expect(text.out).toContain('cpu %');
    expect(text.out).toContain('domain 0 vcpu 0: online');
  });

  test('of a domain that is not there fails', async () => {
    await using sim = await startSim();
    expect(await sim.exec('stats', '-domid', '7')).toMatchObject({ status: 5 });
  });
});

describe('events', () => {
  test('are one object a line, until enough are shown', async () => {
    await using sim = await startSim();
    const shown = sim.exec('events', '--json', '--count', '3', '--no-devices');
    await sim.exec('create_domain');
    await sim.exec('destroy_domain', '-domid', '1');
    await sim.exec('create_domain');
    expect(await sim.host.hypervisor.findDomain(domid(2))).toBeDefined();
    expect((await sim.exec('events', '--count', '0')).out).toBe('');
    await sim.host.store.write('/vm/00000000-0000-0000-0000-000000000001/rtc/timeoffset', '60');
    await sim.host.store.write('/vm/00000000-0000-0000-0000-000000000001/rtc/timeoffset', '61');
    await sim.host.store.write('/vm/00000000-0000-0000-0000-000000000001/rtc/timeoffset', '62');
    const { status, out } = await shown;
    expect(status).toBe(0);
    expect(lines(out)).toHaveLength(3);
    expect(lines(out)[0]).toMatchObject({ kind: 'introduced', domid: 0 });
  });
});

describe('console', () => {
  test('of a domain that has no terminal is an error, and so is a file in its place', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    expect((await sim.exec('console', '-domid', '1')).err).toContain('no console 0');
    await sim.host.store.write('/local/domain/1/console/tty', '/etc/shadow');
    expect((await sim.exec('console', '-domid', '1', '--show')).err).toContain('no console 0');
  });

  test('is told of, and waited for', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    const waited = sim.exec('console', '-domid', '1', '--wait', '--show');
    await sim.host.store.write('/local/domain/1/console/tty', '/dev/pts/7');
    expect(await waited).toEqual({ status: 0, out: '/dev/pts/7\n', err: '' });
    expect(JSON.parse((await sim.exec('console', '-domid', '1', '--json')).out)).toEqual({
      domid: 1,
      kind: 'pv',
      number: 0,
      path: '/dev/pts/7',
    });
  });

  test('is not waited for when the domain goes, nor for ever', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    const late = await sim.exec('console', '-domid', '1', '--wait', '--timeout', '0.05');
    expect(late.status).toBe(4);
    expect(await sim.exec('console', '-domid', '7', '--wait')).toMatchObject({ status: 5 });
  });
});
