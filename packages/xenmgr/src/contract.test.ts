/** The D-Bus interfaces as clients have always known them: each member is there, and answers. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseIdl, type Interface } from '@xenops/rpcgen';
import { DbusError } from '@xenops/rpcgen/runtime';
import { EXERCISES, type Exercise } from './contract-methods.test-helper.ts';
import { addContractVms, CONTRACT_VM, playPrograms } from './contract-vms.test-helper.ts';
import { devicePath, diskPath, nicPath, vmPath } from './objects/paths.ts';
import { IS_BUILT, ManagerBench } from './testing/manager-bench.test-helper.ts';

const describeBuilt = IS_BUILT ? describe : describe.skip;
jest.setTimeout(60_000);

/** Which file of the IDL is served where. */
const OBJECTS = [
  { file: 'db.xml', path: '/' },
  { file: 'xenmgr.xml', path: '/' },
  { file: 'xenmgr_host.xml', path: '/host' },
  { file: 'xenmgr_vm.xml', path: vmPath(CONTRACT_VM) },
  { file: 'vm_disk.xml', path: diskPath(CONTRACT_VM, 0) },
  { file: 'vm_disk.xml', path: devicePath(CONTRACT_VM, 0) },
  { file: 'vm_nic.xml', path: nicPath(CONTRACT_VM, 0) },
  { file: 'vm_nic.xml', path: devicePath(CONTRACT_VM, 0) },
];

function interfacesIn(file: string, text: string): readonly Interface[] {
  const { document, problems } = parseIdl({ file, text });
  if (document === undefined) throw new Error(problems.map(String).join('\n'));
  return document.root.interfaces;
}

function declaredIn(file: string): readonly Interface[] {
  const url = new URL(`../../../idl/${file}`, import.meta.url);
  return interfacesIn(file, readFileSync(fileURLToPath(url), 'utf8'));
}

/** One line for each member: what a client can rely on. */
function membersOf({ name, methods, signals, properties }: Interface): readonly string[] {
  const types = (args: readonly { readonly signature: string }[]): string =>
    args.map(({ signature }) => signature).join('');
  return [
    ...methods.map((one) => `${name}.${one.name}(${types(one.inputs)}) -> ${types(one.outputs)}`),
    ...signals.map((one) => `${name}.${one.name} signal ${types(one.args)}`),
    ...properties.map((one) => `${name}.${one.name} ${one.access} ${one.signature}`),
  ];
}

let bench: ManagerBench;
beforeAll(async () => {
  if (!IS_BUILT) return;
  bench = await ManagerBench.open();
  playPrograms(bench);
  await addContractVms(bench);
});
afterAll(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

describeBuilt('an object', () => {
  test.each(OBJECTS)('at $path has all members of $file', async ({ file, path }) => {
    const served = interfacesIn('introspection', await bench.introspect(path)).flatMap(membersOf);
    for (const member of declaredIn(file).flatMap(membersOf)) expect(served).toContain(member);
  });
});

describe('the table of methods', () => {
  test('has a way to exercise each method of the IDL, and no other', () => {
    const declared = new Set(
      OBJECTS.flatMap(({ file }) =>
        declaredIn(file).flatMap(({ name, methods }) =>
          methods.map((method) => `${name}.${method.name}`),
        ),
      ),
    );
    const exercised = new Set(EXERCISES.map((one) => `${one.interface}.${one.member}`));
    expect([...exercised].sort()).toEqual([...declared].sort());
  });
});

describeBuilt('a method', () => {
  const rows = EXERCISES.map((exercise, at) => ({
    what: `${String(at + 1)}. ${exercise.interface}.${exercise.member}`,
    becomes: exercise.error === undefined ? 'answers' : `fails with ${exercise.error}`,
    exercise,
  }));
  test.each(rows)('$what $becomes', async ({ exercise }) => {
    const { answer, error } = await outcomeOf(exercise);
    expect(error).toEqual(exercise.error);
    expect(answer).toEqual(exercise.answer);
  });
});

async function outcomeOf(exercise: Exercise): Promise<Pick<Exercise, 'answer' | 'error'>> {
  const { object, interface: owner, member, args } = exercise;
  const words = typeof args === 'function' ? await args(bench) : args;
  try {
    return { answer: await bench.call({ path: object, interface: owner, member }, words) };
  } catch (error) {
    if (error instanceof DbusError) return { error: error.errorName.replace(/^.*\./, '') };
    throw error;
  }
}
