/** Nodes, values and children, for a caller that may do everything. */
import assert from 'node:assert/strict';
import { MessageType } from '../xenstore/wire/message-type.ts';
import { answers, home, storeCase, type StoreCase } from './xenstore-case.ts';

/** Cases of the theme "node". */
export const nodeCases: readonly StoreCase[] = [
  storeCase('a value written is read back', async ({ dom0 }) => {
    await answers(dom0.write('/a', 'one'), 'OK');
    await answers(dom0.read('/a'), 'one');
  }),
  storeCase('a second value replaces the first', async ({ dom0 }) => {
    await dom0.write('/a', 'longer than the next');
    await answers(dom0.write('/a', 'x'), 'OK');
    await answers(dom0.read('/a'), 'x');
  }),
  storeCase('an empty value is a value', async ({ dom0 }) => {
    await answers(dom0.write('/a', ''), 'OK');
    await answers(dom0.read('/a'), '');
  }),
  storeCase('values hold every byte', async ({ dom0 }) => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    await answers(dom0.write('/a', `${all}.`), 'OK');
    await answers(dom0.read('/a'), `${all}.`.replaceAll('\0', ' '));
  }),
  storeCase('a NUL at the end of a value is kept', async ({ dom0 }) => {
    await answers(dom0.write('/a', 'x\0\0'), 'OK');
    await answers(dom0.read('/a'), 'x ');
  }),
  storeCase('reading what is not there is ENOENT', ({ dom0 }) =>
    answers(dom0.read('/none'), 'ENOENT'),
  ),
  storeCase('listing what is not there is ENOENT', ({ dom0 }) =>
    answers(dom0.list('/none'), 'ENOENT'),
  ),
  storeCase('permissions of what is not there are ENOENT', ({ dom0 }) =>
    answers(dom0.permissions('/none'), 'ENOENT'),
  ),
  storeCase('setting permissions of what is not there is ENOENT', ({ dom0 }) =>
    answers(dom0.chmod('/none', 'n0'), 'ENOENT'),
  ),
  storeCase('mkdir makes a node with an empty value', async ({ dom0 }) => {
    await answers(dom0.mkdir('/a'), 'OK');
    await answers(dom0.read('/a'), '');
  }),
  storeCase('mkdir leaves a node that is there as it is', async ({ dom0 }) => {
    await dom0.write('/a', 'kept');
    await dom0.chmod('/a', 'r0');
    await answers(dom0.mkdir('/a'), 'OK');
    await answers(dom0.read('/a'), 'kept');
    await answers(dom0.permissions('/a'), 'r0');
  }),
  ...(['write', 'mkdir'] as const).map((verb): StoreCase =>
    storeCase(`${verb} makes the parents that are missing`, async ({ dom0 }) => {
      await answers(verb === 'write' ? dom0.write('/a/b/c', 'v') : dom0.mkdir('/a/b/c'), 'OK');
      await answers(dom0.read('/a'), '');
      await answers(dom0.list('/a'), 'b');
      await answers(dom0.list('/a/b'), 'c');
    }),
  ),
  storeCase('a node may have a value and children', async ({ dom0 }) => {
    await dom0.write('/a', 'value');
    await dom0.write('/a/b', 'below');
    await answers(dom0.read('/a'), 'value');
    await answers(dom0.list('/a'), 'b');
  }),
  storeCase('a node without children has an empty list', async ({ dom0 }) => {
    await dom0.mkdir('/a');
    await answers(dom0.list('/a'), '');
  }),
  storeCase('the list names children, not what is below them', async ({ dom0 }) => {
    for (const path of ['/a/x/1', '/a/y', '/a/z/2/3']) await dom0.write(path, '');
    await answers(dom0.list('/a'), 'x y z');
  }),
  storeCase('names that differ in case are different', async ({ dom0 }) => {
    await dom0.write('/a/Name', '1');
    await dom0.write('/a/name', '2');
    await answers(dom0.read('/a/Name'), '1');
    await answers(dom0.list('/a'), 'Name name');
  }),
  storeCase('rm takes everything below along', async ({ dom0 }) => {
    for (const path of ['/a/b/c', '/a/d']) await dom0.write(path, '');
    await answers(dom0.rm('/a'), 'OK');
    for (const path of ['/a', '/a/b', '/a/b/c', '/a/d']) {
      await answers(dom0.read(path), 'ENOENT');
    }
  }),
  storeCase('rm leaves siblings whose name starts alike', async ({ dom0 }) => {
    for (const path of ['/a/1', '/a/10', '/a/1-']) await dom0.write(path, '');
    await dom0.rm('/a/1');
    await answers(dom0.list('/a'), '1- 10');
  }),
  storeCase('rm of what is not there succeeds when the parent is', async ({ dom0 }) => {
    await dom0.mkdir('/a');
    await answers(dom0.rm('/a/none'), 'OK');
  }),
  storeCase('rm below a missing parent is ENOENT', ({ dom0 }) =>
    answers(dom0.rm('/none/below'), 'ENOENT'),
  ),
  storeCase('the root cannot be removed', async ({ dom0 }) => {
    await dom0.write('/a', '');
    await answers(dom0.rm('/'), 'EINVAL');
    await answers(dom0.read('/a'), '');
  }),
  storeCase('the root has a value and a list', async ({ dom0 }) => {
    await answers(dom0.write('/', 'root'), 'OK');
    await answers(dom0.read('/'), 'root');
    assert.ok((await dom0.list('/')).split(' ').includes('tool'));
  }),
  storeCase('a node made again after rm starts empty', async ({ dom0 }) => {
    await dom0.write('/a/b', 'old');
    await dom0.rm('/a');
    await dom0.mkdir('/a');
    await answers(dom0.list('/a'), '');
    await answers(dom0.read('/a'), '');
  }),
  storeCase("a relative path of Dom0 is below Dom0's home", async ({ dom0 }) => {
    await answers(dom0.write('name', 'Domain-0'), 'OK');
    await answers(dom0.read(`${home(0)}/name`), 'Domain-0');
  }),
  storeCase('a tree a thousand levels deep is made and removed', async ({ dom0 }) => {
    const path = '/d'.repeat(1000);
    await answers(dom0.write(path, 'bottom'), 'OK');
    await answers(dom0.read(path), 'bottom');
    await answers(dom0.rm('/d'), 'OK');
    await answers(dom0.read(path), 'ENOENT');
  }),
  storeCase('a list longer than a message is refused with E2BIG', async ({ dom0, traits }) => {
    await makeLongDirectory(dom0);
    await answers(dom0.list('/long'), traits.longDirectoryError);
  }),
  storeCase(
    'a long list is read in parts, each of whole names, the last ended by an empty one',
    async ({ dom0 }) => {
      const expected = await makeLongDirectory(dom0);
      const names: string[] = [];
      for (let offset = 0, isLast = false; !isLast;) {
        const [generation = '', ...part] = await directoryPart(dom0, '/long', offset);
        assert.match(generation, /^[0-9]+$/);
        isLast = part.at(-1) === '';
        if (isLast) part.pop();
        names.push(...part);
        for (const name of part) offset += name.length + 1;
      }
      assert.deepEqual(names.sort(), expected);
    },
  ),
  storeCase('the generation of a list in parts changes with the list', async ({ dom0 }) => {
    await dom0.write('/a/one', '');
    const [before] = await directoryPart(dom0, '/a', 0);
    assert.equal((await directoryPart(dom0, '/a', 0))[0], before);
    await dom0.write('/a/two', '');
    assert.notEqual((await directoryPart(dom0, '/a', 0))[0], before);
  }),
  storeCase('a part beyond the end of a list is empty', async ({ dom0 }) => {
    await dom0.write('/a/one', '');
    assert.deepEqual((await directoryPart(dom0, '/a', 5000)).slice(1), ['']);
  }),
  storeCase('a list in parts of what is not there is ENOENT', ({ dom0 }) =>
    answers(dom0.askRaw(MessageType.directoryPart, '/none\x000\0'), 'ENOENT'),
  ),
];

type Client = Parameters<StoreCase['run']>[0]['dom0'];

/** Makes `/long` with more names than a message takes, and gives them sorted. */
async function makeLongDirectory(dom0: Client): Promise<readonly string[]> {
  const names = Array.from({ length: 300 }, (_, index) => `a-name-of-some-length-${index}`);
  for (const name of names) await dom0.write(`/long/${name}`, '');
  return names.sort();
}

/** Generation and names of one part, as the texts that it is made of. */
async function directoryPart(dom0: Client, path: string, offset: number): Promise<string[]> {
  const answer = await dom0.askRaw(MessageType.directoryPart, `${path}\0${offset}\0`);
  return answer.split(' ');
}
