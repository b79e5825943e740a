import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { TASK_DESCRIPTIONS } from '../../tasks/arguments.ts';
import { monitorInterface } from './monitor-interface.ts';
import { memberOf } from './vm-names.ts';

const IDL = new URL('../../../../../idl/org.xen.vm.xml', import.meta.url);
const MONITOR_IDL = new URL('../../../../../idl/org.xen.vm.monitor.xml', import.meta.url);

test('every method of the contract is a task that answers as the contract says', async () => {
  const text = await readFile(IDL, 'utf8');
  const methods = [...text.matchAll(/<method name="(?<name>\w+)">(?<body>[^]*?)<\/method>/g)].map(
    ({ groups }) => ({
      name: groups?.['name'],
      answers: groups?.['body']?.includes('direction="out"') === true ? 'text' : 'nothing',
    }),
  );
  const tasks = TASK_DESCRIPTIONS.map(({ name, answers }) => ({ name: memberOf(name), answers }));
  expect(methods.length).toBeGreaterThan(30);
  expect(tasks).toEqual(expect.arrayContaining(methods));
});

test('the interface of what came since is the one of the contract', async () => {
  const text = await readFile(MONITOR_IDL, 'utf8');
  const plain = text.replaceAll(/<!--[^]*?-->/g, '');
  const wanted: unknown = Object.fromEntries(
    [...plain.matchAll(/<method name="(?<name>\w+)">(?<body>[^]*?)<\/method>/g)].map(
      ({ groups }) => {
        const args = [...(groups?.['body'] ?? '').matchAll(/<arg (?<words>[^>]*)>/g)].map(
          (match) => match.groups?.['words'] ?? '',
        );
        const types = (direction: string): string =>
          args
            .filter((words) => words.includes(`direction="${direction}"`))
            .map((words) => / type="(\w+)"/.exec(words)?.[1] ?? '')
            .join('');
        return [groups?.['name'], { input: types('in'), output: types('out') }];
      },
    ),
  );
  const { description } = monitorInterface(TASK_DESCRIPTIONS, () => Promise.resolve(undefined));
  expect(plain).toContain(`<interface name="${description.name}">`);
  expect(description.methods).toEqual(wanted);
});
