/** What the verbs refuse, convert and combine before Xen is asked. The addon is made up. */
import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { DOM0, domid, evtchn } from '@xenops/core/ids';
import type { Addon } from './addon.ts';
import { Connection } from './connection.ts';
import { controlVerbs } from './control-verbs.ts';
import { NativeEventChannels } from './event-channels.ts';
import { fakeAddon, failCall } from './fake-addon.test-helper.ts';
import { hardwareVerbs } from './hardware-verbs.ts';
import { hostControlVerbs } from './host-control-verbs.ts';
import { memoryVerbs } from './memory-verbs.ts';
import { vcpuVerbs } from './vcpu-verbs.ts';

const GUEST = domid(7);
const DEVICE = { domain: 0, bus: 3, slot: 0, fn: 1 };
const BAD_ARGUMENT: unknown = expect.objectContaining({ code: 'HYPERVISOR_BAD_ARGUMENT' });

function connectionOn(given: Partial<Record<keyof Addon, unknown>>): Connection {
  const text = '';
  const version = {
    major: 4,
    minor: 17,
    extra: text,
    changeset: text,
    compileDate: text,
    compiler: text,
    capabilities: text,
    commandLine: text,
    pageSizeBytes: 4096,
  };
  return new Connection({ addon: fakeAddon(given), xc: {} as never, version });
}

test('a watchdog that has run out before it is set is never set', () => {
  const calls: unknown[] = [];
  const { watchdog } = hostControlVerbs(
    connectionOn({ watchdog: (_: unknown, id: number) => calls.push(id) && 0 }),
  );
  expect(() => watchdog(0, 0)).toThrow(BAD_ARGUMENT);
  expect(watchdog(2, 0)).toBe(2);
  expect(calls).toEqual([2]);
});

test.each([-1, -0.5, 0.5, Number.NaN, Infinity])('%d KiB is no memory to claim', (kib) => {
  const { claimMemory } = memoryVerbs(connectionOn({ claimPages: () => undefined }));
  expect(() => {
    claimMemory(GUEST, kib);
  }).toThrow(BAD_ARGUMENT);
});

test('waking from S3 is a parameter, the other triggers are numbers', () => {
  const calls: unknown[][] = [];
  const record = (...args: readonly unknown[]): unknown => calls.push(args.slice(1));
  const { sendTrigger } = controlVerbs(connectionOn({ sendTrigger: record, setHvmParam: record }));
  sendTrigger(GUEST, 's3resume');
  sendTrigger(GUEST, 'sleep', 1);
  expect(calls).toEqual([
    [7, 14, 0n],
    [7, 4, 1],
  ]);
  expect(() => {
    sendTrigger(DOM0, 'power');
  }).toThrow(BAD_ARGUMENT);
});

test.each(['', '0'.repeat(31), '0'.repeat(33), '2'.repeat(32)])(
  'a cpuid register %p is refused before Xen sees a leaf',
  async (eax) => {
    const { applyCpuPolicy } = vcpuVerbs(connectionOn({}));
    await expect(applyCpuPolicy(GUEST, { leaves: [{ leaf: 1, eax }] })).rejects.toEqual(
      BAD_ARGUMENT,
    );
  },
);

describe('whether a device can be given away', () => {
  test.each([
    ['EBUSY', false],
    ['ENODEV', false],
    ['EOPNOTSUPP', false],
  ] as const)('%s is an answer', (name, answer) => {
    const testAssignPci = (): never => failCall({ errno: constants.errno[name] });
    expect(hardwareVerbs(connectionOn({ testAssignPci })).isPciAssignable(DEVICE)).toBe(answer);
  });
  test('EPERM is a failure', () => {
    const testAssignPci = (): never => failCall({ errno: constants.errno.EPERM });
    const { isPciAssignable } = hardwareVerbs(connectionOn({ testAssignPci }));
    expect(() => isPciAssignable(DEVICE)).toThrow(
      expect.objectContaining({ code: 'HYPERVISOR_NOT_PERMITTED' }),
    );
  });
});

describe('event channels', () => {
  const PORT = evtchn(5);

  /** Channels whose notifications the test makes up, and the calls that they make. */
  function channels(): {
    readonly ours: NativeEventChannels;
    readonly calls: unknown[][];
    readonly notify: (port: number) => void;
  } {
    const calls: unknown[][] = [];
    let notify = (_port: number): void => undefined;
    const record =
      (name: string) =>
      (_: unknown, ...args: readonly unknown[]): unknown =>
        calls.push([name, ...args]);
    const addon = fakeAddon({
      openEventChannels: (onPort: (port: number) => void) => {
        notify = onPort;
        return {};
      },
      bindUnbound: () => PORT,
      unmaskPort: record('unmask'),
      unbindPort: record('unbind'),
      keepAliveForEvents: record('keepAlive'),
      closeEventChannels: record('close'),
    });
    const ours = new NativeEventChannels(addon, () => undefined);
    ours.bindUnbound(GUEST);
    return {
      ours,
      calls,
      notify: (port) => {
        notify(port);
      },
    };
  }

  test('a port stays masked until somebody waits for it', async () => {
    const { ours, calls, notify } = channels();
    notify(PORT);
    expect(calls).toEqual([]);
    await ours.wait(PORT);
    expect(calls).toEqual([['unmask', PORT]]);
  });
  test('the process is kept alive by the first wait until the last has ended', async () => {
    const { ours, calls, notify } = channels();
    const both = Promise.all([ours.wait(PORT), ours.wait(PORT)]);
    notify(PORT);
    await both;
    expect(calls).toEqual([
      ['keepAlive', true],
      ['unmask', PORT],
      ['keepAlive', false],
    ]);
  });
  test('a port of somebody else is refused, and a late message about one ignored', async () => {
    const { ours, calls, notify } = channels();
    const other = evtchn(6);
    notify(other);
    await expect(ours.wait(other)).rejects.toEqual(BAD_ARGUMENT);
    expect(() => {
      ours.unbind(other);
    }).toThrow(BAD_ARGUMENT);
    expect(calls).toEqual([]);
  });
  test('a device that fails ends every wait', async () => {
    const { ours, notify } = channels();
    const waited = ours.wait(PORT);
    notify(0);
    await expect(waited).rejects.toMatchObject({ code: 'HYPERVISOR_CALL_FAILED' });
  });
});
