import { describe, expect, test } from '@jest/globals';
import type { QmpEvent } from '../dm/qmp.ts';
import { HandClock, settled } from '../host/hand-clock.test-helper.ts';
import { findPciAddress } from '../hypervisor/pci-address.ts';
import { plugEmulated, unplugEmulated } from './emulated.ts';

const ADDRESS = findPciAddress('0000:03:00.1')!;

/** A device model that keeps what it is told, and tells events when the test says so. */
function fakeModel() {
  const commands: unknown[] = [];
  const listeners = new Set<(event: QmpEvent) => void>();
  return {
    commands,
    listeners,
    tell: (device: string) => {
      for (const listener of [...listeners]) listener({ name: 'DEVICE_DELETED', data: { device } });
    },
    qmp: {
      execute: async (command: string, args?: Readonly<Record<string, unknown>>) => {
        commands.push([command, args]);
        return {};
      },
      onEvent: (listener: (event: QmpEvent) => void) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
  };
}

describe('a device of the emulated bus', () => {
  test('is plugged as libxl does it', async () => {
    const model = fakeModel();
    await plugEmulated(model, ADDRESS, { permissive: false });
    expect(model.commands).toEqual([
      [
        'device_add',
        { driver: 'xen-pci-passthrough', id: 'pci-pt-03_00.1', hostaddr: '0000:03:00.1' },
      ],
    ]);
  });

  test('is unplugged when qemu says that this one is gone', async () => {
    const model = fakeModel();
    let isDone = false;
    const unplugged = unplugEmulated(model, ADDRESS, { clock: new HandClock() });
    void unplugged.then(() => (isDone = true));
    await settled();
    model.tell('pci-pt-03_00.0');
    await settled();
    expect(isDone).toBe(false);
    model.tell('pci-pt-03_00.1');
    await unplugged;
    expect(model.commands).toEqual([['device_del', { id: 'pci-pt-03_00.1' }]]);
    expect(model.listeners.size).toBe(0);
  });

  test('that the guest keeps is waited for until the deadline', async () => {
    const [model, clock] = [fakeModel(), new HandClock()];
    const unplugged = unplugEmulated(model, ADDRESS, { clock });
    const refused = expect(unplugged).rejects.toMatchObject({ code: 'TIMEOUT' });
    await settled();
    await clock.advance(10_000);
    await refused;
    expect([model.listeners.size, clock.timerCount]).toEqual([0, 0]);
  });
});
