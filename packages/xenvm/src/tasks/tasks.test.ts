import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { statesFor } from '../life/machine.ts';
import { STATE_NAMES } from '../life/states.ts';
import { isVmError, VmError } from '../life/vm-error.ts';
import type { TaskArguments } from '../rpc/vm-port.ts';
import { assertAdmitted, laneOf } from './admission.ts';
import { getTask, helpText, parseArguments, TASK_DESCRIPTIONS } from './arguments.ts';
import type { ArgumentSpec } from './task.ts';
import type { TaskName } from './task-calls.ts';
import { TASKS } from './task-table.ts';

const NAMES = Object.keys(TASKS) as readonly TaskName[];

/** Tasks of the old monitor; its clients call them by these names. */
const OLD_TASKS =
  'quit destroy halt reboot start pause unpause suspend restore s3suspend s4suspend get-domid get-stubdomid get-status ' +
  'get-acpi-state get-vnc trigger device get set disk-add nic-add pci-add disk-del nic-del pci-del disk-list nic-list ' +
  'pci-list cd-eject cd-insert-file cd-insert-real nic-network-switch set-nic-backend-dom set-mem-target read-config help';

test('has every task of the old monitor, and the one it never offered', () => {
  for (const name of [...OLD_TASKS.split(' '), 'checkpoint']) expect(getTask(name)).toBe(name);
});

test('says of an unknown task that it is unknown', () => {
  expect(() => getTask('shutdown')).toThrow(expect.objectContaining({ code: 'TASK_UNKNOWN' }));
  expect(() => getTask('constructor')).toThrow(expect.objectContaining({ code: 'TASK_UNKNOWN' }));
});

describe('arguments', () => {
  test('come as texts, as they always did', () => {
    expect(parseArguments('reboot', { forced: 'true', 'auto-start': 'false' })).toEqual({
      forced: true,
      'auto-start': false,
    });
    expect(parseArguments('set-mem-target', { mb: '0x40' })).toEqual({ mb: 64 });
    expect(parseArguments('trigger', { params: 's3resume' })).toEqual({ params: ['s3resume'] });
  });

  test('come as JSON values too', () => {
    expect(parseArguments('suspend', { live: true, file: '/image' })).toEqual({
      live: true,
      file: '/image',
    });
    expect(parseArguments('nic-del', { id: 3 })).toEqual({ id: 3, forced: false });
    expect(parseArguments('set', { field: 'vcpus', value: 4 })).toEqual({
      field: 'vcpus',
      value: '4',
    });
  });

  test('have the defaults that managers rely on', () => {
    expect(parseArguments('reboot', {})).toEqual({ forced: false, 'auto-start': false });
    expect(parseArguments('restore', { file: '/x' })).toEqual({
      file: '/x',
      paused: false,
      delete: true,
    });
    expect(parseArguments('start', { unknown: 'is ignored' })).toEqual({ paused: false });
  });

  test.each([
    ['suspend', {}, 'TASK_ARGUMENT_MISSING', 'file'],
    ['start', { paused: 'yes' }, 'TASK_ARGUMENT_INVALID', 'paused'],
    ['set-mem-target', { mb: 'much' }, 'TASK_ARGUMENT_INVALID', 'mb'],
    ['set-mem-target', { mb: 1.5 }, 'TASK_ARGUMENT_INVALID', 'mb'],
    ['set-mem-target', { mb: 0 }, 'TASK_ARGUMENT_INVALID', 'mb'],
    ['nic-del', { id: 32 }, 'TASK_ARGUMENT_INVALID', 'id'],
    ['get', { field: ['a'] }, 'TASK_ARGUMENT_INVALID', 'field'],
    ['get', { field: 'a\0' }, 'TASK_ARGUMENT_INVALID', 'field'],
  ] as const)('%s refuses %j', (name, given, code, argument) => {
    expect(() => parseArguments(name, given)).toThrow(
      expect.objectContaining({ code, context: { task: name, argument } }),
    );
  });

  test('of any kind lead to a call or to an error that names the argument', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string()));
    const call = fc.constantFrom(...NAMES).chain((name) =>
      fc.record({
        name: fc.constant(name),
        given: fc.record(
          Object.fromEntries(Object.keys(TASKS[name].args).map((key) => [key, value])),
          { requiredKeys: [] },
        ),
      }),
    );
    fc.assert(
      fc.property(call, ({ name, given }) => {
        try {
          const args: Readonly<Record<string, unknown>> = {
            ...parseArguments(name, given as TaskArguments),
          };
          for (const [argument, rules] of Object.entries<ArgumentSpec<unknown>>(TASKS[name].args)) {
            expect([argument, rules.isValue(args[argument])]).toEqual([argument, true]);
          }
        } catch (error) {
          if (!isVmError(error, 'TASK_ARGUMENT_INVALID', 'TASK_ARGUMENT_MISSING')) throw error;
          expect(Object.keys(TASKS[name].args)).toContain(error.context['argument']);
        }
      }),
    );
  });
});

describe('the state', () => {
  test('that does not allow a task is named with those that would', () => {
    expect(() => assertAdmitted('pause', { state: 'shutdown', domid: -1 })).toThrow(
      expect.objectContaining({
        code: 'VM_WRONG_STATE',
        message:
          'The VM cannot pause while it is shutdown; it can when it is created, running, paused',
        historical: {
          readable:
            'operation cannot be performed: vm is shutdown, expecting created, running, paused',
          rendered: expect.stringContaining('Vm_bad_state'),
        },
      }),
    );
  });

  test('of a VM that has a domain refuses a start as it always did', () => {
    expect(() => assertAdmitted('start', { state: 'running', domid: 7 })).toThrow(
      expect.objectContaining({
        code: 'VM_ALREADY_CREATED',
        historical: {
          readable: 'vm is apparenlty already created: domid 7, state running',
          rendered: expect.stringMatching(/^Vmact\.Vm_is_already_created\(7, \d+\)$/),
        },
      }),
    );
  });

  test.each([
    ['start', 'create'],
    ['restore', 'restore'],
    ['suspend', 'suspend'],
    ['checkpoint', 'suspend'],
    ['pause', 'pause'],
    ['unpause', 'run'],
  ] as const)('in which %s may begin allows what it does first (%s)', (task, event) => {
    for (const state of TASKS[task].states) expect(statesFor(event)).toContain(state);
  });

  test('never keeps a VM from being destroyed or asked', () => {
    for (const name of NAMES.filter((task) => TASKS[task].lane !== 'queue')) {
      expect([name, TASKS[name].states]).toEqual([name, STATE_NAMES]);
    }
  });
});

test('a forced stop overtakes, a polite one waits', () => {
  expect(laneOf('halt', { forced: true })).toBe('overtake');
  expect(laneOf('halt', { forced: false })).toBe('queue');
  expect(laneOf('destroy', {})).toBe('overtake');
  expect(laneOf('get-status', {})).toBe('read');
});

test('help tells every task and argument', () => {
  const text = helpText();
  for (const { name, parameters } of TASK_DESCRIPTIONS) {
    expect(text).toContain(`${name}: `);
    for (const { name: argument } of parameters) expect(text).toContain(`    ${argument} (`);
  }
});

test.each([
  [
    'VM_NO_MEMORY',
    { neededKib: 2048, freeKib: 1024 },
    'error: not enough memory: 2 Mb requested, 1 Mb available',
    'Not_enough_free_memory',
  ],
  [
    'VM_NOT_LISTENING',
    { request: 'halt' },
    'error: shutdown request halt not acknowledged',
    'Vm_not_listening_shutdown_request',
  ],
  [
    'VM_WRONG_END',
    { expected: 'halt', seen: 'crash' },
    'error: shutdown for wrong reason: expected halt, got crash',
    'Vm_shutdown_wrong_reason',
  ],
  ['VM_DID_NOT_SHUT_DOWN', {}, "error: shutdown didn't complete", 'Vm_didnt_shutdown'],
  [
    'VM_NEEDS_CAPABILITY',
    { capabilities: 'hvm, directio' },
    'RequiresMoreCapabilities("config requires hvm, directio")',
    'RequiresMoreCapabilities("config requires hvm, directio")',
  ],
  [
    'TASK_ARGUMENT_MISSING',
    { argument: 'file' },
    'tasks argument not found: file',
    'Tasks.Argument_not_found("file")',
  ],
] as const)('%s keeps its old texts', (code, context, readable, rendered) => {
  expect(new VmError(code, { message: 'x', context }).historical).toEqual({
    readable: expect.stringContaining(readable),
    rendered: expect.stringContaining(rendered),
  });
});

test('an error that the old monitor did not have has no old text', () => {
  expect(new VmError('VM_BUSY', { message: 'x' }).historical).toBeUndefined();
});
