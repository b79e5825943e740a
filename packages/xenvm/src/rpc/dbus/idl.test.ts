import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { TASK_DESCRIPTIONS } from '../../tasks/arguments.ts';
import { memberOf } from './vm-names.ts';

const IDL = new URL('../../../../../idl/org.xen.vm.xml', import.meta.url);

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
