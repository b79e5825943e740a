/** A device model that misbehaves: whoever starts it learns so in time, and it outlives neither the attempt nor its domain. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { deviceModelConfig, QmpClient, startDomainDeviceModel } from '@xenops/core/dm';
import { destroyDomain, readDomainConfig } from '@xenops/core/domain';
import { createSimHost } from '../sim-host.ts';
import { countAll, hostOf, makeGuest, passTime } from '../system/whole-host.test-helper.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
const runFolder = path.join(folder, 'run');

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('a device model', () => {
  test.each([
    ['dies at once', 'die-start', 'DM_START_FAILED'],
    ['never says that it runs', 'hang-start', 'DM_START_FAILED'],
    ['does not answer', 'deaf', 'DM_START_FAILED'],
  ] as const)('that %s is no device model, and no process', async (_what, failure, code) => {
    await using sim = await createSimHost({ runFolder, deviceModelFailure: failure });
    const host = hostOf(sim);
    const before = await countAll(sim);
    const domid = await makeGuest(host, kernelPath);
    const config = deviceModelConfig(domid, await readDomainConfig(host, domid));
    await expect(startDomainDeviceModel(host, config, { timeoutMs: 300 })).rejects.toMatchObject({
      code,
    });
    expect(sim.control.machine.processes.size).toBe(0);
    await destroyDomain(host, domid, { timeoutMs: 10_000 });
    expect(await countAll(sim)).toEqual(before);
  });

  test('that ignores being asked to end is killed with its domain', async () => {
    const signals: string[] = [];
    const stubborn = (): { exited: Promise<number>; signal: (signal: string) => void } => {
      let end: (status: number) => void = () => undefined;
      return {
        exited: new Promise((resolve) => (end = resolve)),
        signal: (signal) => {
          signals.push(signal);
          if (signal === 'SIGKILL') end(-1);
        },
      };
    };
    const clock = new VirtualClock();
    const programs = { '/opt/stubborn': stubborn };
    await using sim = await createSimHost({ clock, runFolder, programs });
    const host = hostOf(sim);
    const domid = await makeGuest(host, kernelPath);
    const config = {
      ...deviceModelConfig(domid, await readDomainConfig(host, domid)),
      qemuPath: '/opt/stubborn',
    };
    const started = startDomainDeviceModel(host, config);
    await expect(passTime(clock, started)).rejects.toMatchObject({ code: 'DM_START_FAILED' });
    expect(signals).toEqual(['SIGHUP', 'SIGKILL']);
    expect(sim.control.machine.processes.size).toBe(0);
  });
});

/** A monitor that says this to whoever connects. */
async function listen(at: string, text: string): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(text);
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const GREETING = '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":0}},"capabilities":[]}}\n';

describe('a monitor', () => {
  test.each([
    ['greets with half a line', '{"QMP":'],
    ['greets with ten megabytes', 'x'.repeat(10_000_000)],
    ['greets with what is no JSON', 'hello\n'],
    ['greets with a list', '[1,2,3]\n'],
    ['greets, and answers what nobody asked', `${GREETING}{"return":{},"id":"constructor"}\n`],
    ['greets with brackets in brackets', `${'['.repeat(100_000)}\n`],
  ])('that %s is not connected to', async (_what, text) => {
    const at = path.join(folder, 'monitor');
    await using _monitor = await listen(at, text);
    await expect(QmpClient.connect(at, { timeoutMs: 300 })).rejects.toMatchObject({
      code: expect.stringMatching(/^(DM_UNAVAILABLE|TIMEOUT|PROTOCOL_REMOTE)$/),
    });
  });
});
