/** The commands as programs; build the package first. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { startStandIn, type StandIn } from './stand-in.test-helper.ts';

let bus: PrivateBus;
let service: StandIn;
let onCall: () => void;

beforeEach(async () => {
  bus = await startPrivateBus();
  const vms = Array.from({ length: 40 }, (_, index) => ({
    uuid: `00000000-0000-0000-0000-0000000000${index + 10}`,
    properties: { name: `vm${index}`, domid: index, state: 'running' },
  }));
  service = await startStandIn(bus.address, vms, {
    create_vm: async () => {
      onCall();
      return new Promise(() => undefined);
    },
  });
});

afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await bus[Symbol.asyncDispose]();
});

function start(command: 'xec' | 'xec-vm', words: readonly string[]): ChildProcess {
  const program = fileURLToPath(new URL(`../../bin/${command}.js`, import.meta.url));
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus.address };
  return spawn(process.execPath, [program, ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outputOf(
  child: ChildProcess,
): Promise<{ ended: unknown[]; out: string; err: string }> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('The output of the program is lost');
  const [ended, out, err] = await Promise.all([once(child, 'exit'), text(stdout), text(stderr)]);
  return { ended, out, err };
}

test('the system bus is the one that the environment names', async () => {
  const { ended, out } = await outputOf(start('xec-vm', ['-n', 'vm7', 'get', 'state']));
  expect({ ended, out }).toEqual({ ended: [0, null], out: 'running\n' });
});

test('many VMs are listed without a word on standard error', async () => {
  const { ended, out, err } = await outputOf(start('xec-vm', []));
  expect({ ended, lines: out.split('\n').length, err }).toEqual({
    ended: [0, null],
    lines: 43,
    err: '',
  });
});

test('an interrupt ends a call that waits, with status 130', async () => {
  const called = new Promise<void>((resolve) => {
    onCall = resolve;
  });
  const child = start('xec', ['create-vm']);
  const ended = once(child, 'exit');
  await called;
  child.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
});
