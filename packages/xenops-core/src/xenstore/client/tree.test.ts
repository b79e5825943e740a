import { describe, expect, test } from '@jest/globals';
import { XenStoreError } from '../../errors.ts';
import { DOM0, domid } from '../../ids.ts';
import { ownedBy } from '../permissions.ts';
import type { Request } from '../wire/request.ts';
import { WireTree } from './tree.ts';

/** A tree whose requests are answered by the function, and kept. */
function treeOf(answer: (request: Request, count: number) => string | Buffer | XenStoreError) {
  const sent: Request[] = [];
  const tree = new WireTree(async (request) => {
    const given = answer(request, sent.push(request));
    if (given instanceof XenStoreError) throw given;
    return Buffer.from(given);
  });
  return { tree, sent };
}

const refusal = (code: 'XENSTORE_NO_ENTRY' | 'XENSTORE_ACCESS' | 'XENSTORE_TOO_BIG') =>
  new XenStoreError(code, { message: 'Refused' });

describe('a bad path', () => {
  const BAD = ['', '/a/', '/a//b', '/a\0b', '/a b', '/../b', `/${'a'.repeat(3072)}`, '/\u00e4'];
  const OPERATIONS: readonly (readonly [
    string,
    (tree: WireTree, path: string) => Promise<unknown>,
  ])[] = [
    ['read', (tree, path) => tree.read(path)],
    ['readBytes', (tree, path) => tree.readBytes(path)],
    ['find', (tree, path) => tree.find(path)],
    ['directory', (tree, path) => tree.directory(path)],
    ['write', (tree, path) => tree.write(path, 'value')],
    ['mkdir', (tree, path) => tree.mkdir(path)],
    ['rm', (tree, path) => tree.rm(path)],
    ['getPermissions', (tree, path) => tree.getPermissions(path)],
    ['setPermissions', (tree, path) => tree.setPermissions(path, ownedBy(DOM0))],
  ];

  test.each(OPERATIONS)('is PROTOCOL_LOCAL for %s, and nothing is sent', async (_name, operate) => {
    const { tree, sent } = treeOf(() => '');
    for (const path of BAD) {
      await expect(operate(tree, path)).rejects.toMatchObject({ code: 'PROTOCOL_LOCAL' });
    }
    expect(sent).toEqual([]);
  });

  test('that starts like a special one is still PROTOCOL_LOCAL', async () => {
    const { tree, sent } = treeOf(() => '');
    await expect(tree.setPermissions('@a\0b7', ownedBy(DOM0))).rejects.toMatchObject({
      code: 'PROTOCOL_LOCAL',
    });
    expect(sent).toEqual([]);
  });
});

describe('reading', () => {
  test('gives text, and bytes that are no UTF-8 exactly only from readBytes', async () => {
    const { tree } = treeOf(() => Buffer.of(0x61, 0xff, 0x00, 0x62));
    expect(await tree.read('/a')).toBe('a\ufffd\0b');
    expect([...(await tree.readBytes('/a'))]).toEqual([0x61, 0xff, 0x00, 0x62]);
  });

  test('gives an empty value as it is', async () => {
    expect(await treeOf(() => '').tree.read('/a')).toBe('');
  });

  test('a node that is not there throws from read and is undefined from find', async () => {
    const { tree } = treeOf(() => refusal('XENSTORE_NO_ENTRY'));
    await expect(tree.read('/a')).rejects.toMatchObject({ code: 'XENSTORE_NO_ENTRY' });
    expect(await tree.find('/a')).toBeUndefined();
  });

  test('what may not be read is not taken for absent', async () => {
    const { tree } = treeOf(() => refusal('XENSTORE_ACCESS'));
    await expect(tree.find('/a')).rejects.toMatchObject({ code: 'XENSTORE_ACCESS' });
  });
});

describe('writing', () => {
  test('sends text as UTF-8 and bytes as they are', async () => {
    const { tree, sent } = treeOf(() => 'OK\0');
    await tree.write('/a', '\u20ac');
    await tree.write('/a', Uint8Array.of(0, 255));
    expect(sent.map((request) => 'value' in request && [...request.value])).toEqual([
      [0xe2, 0x82, 0xac],
      [0, 255],
    ]);
  });

  test('removing what is not there succeeds, and what may not be removed does not', async () => {
    await expect(treeOf(() => refusal('XENSTORE_NO_ENTRY')).tree.rm('/a')).resolves.toBeUndefined();
    await expect(treeOf(() => refusal('XENSTORE_ACCESS')).tree.rm('/a')).rejects.toMatchObject({
      code: 'XENSTORE_ACCESS',
    });
  });
});

describe('permissions', () => {
  test('are sent and understood owner first', async () => {
    const { tree, sent } = treeOf((request) =>
      request.name === 'getPermissions' ? 'n0\0r7\0' : '',
    );
    expect(await tree.getPermissions('/a')).toEqual(ownedBy(DOM0, domid(7)));
    await tree.setPermissions('@releaseDomain', ownedBy(DOM0, domid(7)));
    expect(sent[1]).toEqual({
      name: 'setPermissions',
      path: '@releaseDomain',
      permissions: ['n0', 'r7'],
    });
  });

  test('that are malformed are PROTOCOL_REMOTE', async () => {
    for (const payload of ['', 'x0\0', 'n0\0r99999\0']) {
      await expect(treeOf(() => payload).tree.getPermissions('/a')).rejects.toMatchObject({
        code: 'PROTOCOL_REMOTE',
      });
    }
  });
});

describe('a directory', () => {
  test.each([
    ['no children', '', []],
    ['one child', 'a\0', ['a']],
    ['several', 'a\0b\0c\0', ['a', 'b', 'c']],
  ])('of %s is listed', async (_what, payload, names) => {
    expect(await treeOf(() => payload).tree.directory('/a')).toEqual(names);
  });

  test('that is not there throws', async () => {
    await expect(
      treeOf(() => refusal('XENSTORE_NO_ENTRY')).tree.directory('/a'),
    ).rejects.toMatchObject({ code: 'XENSTORE_NO_ENTRY' });
  });

  describe('that is too big for one message', () => {
    /** DIRECTORY_PART as xenstored does it: as many whole names as fit, and an empty one after the last. */
    function longDirectory(lists: readonly (readonly string[])[], partBytes: number) {
      let parts = 0;
      return treeOf((request) => {
        if (request.name !== 'directoryPart') return refusal('XENSTORE_TOO_BIG');
        const generation = Math.min(parts, lists.length - 1);
        parts += 1;
        const all = (lists[generation] ?? []).map((name) => `${name}\0`).join('');
        const offset = Number(request.offset);
        if (offset >= all.length) return `${generation}\0\0`;
        const end = all.lastIndexOf('\0', offset + partBytes - 1) + 1;
        const part = all.slice(offset, end);
        return `${generation}\0${part}${end === all.length ? '\0' : ''}`;
      });
    }
    const names = Array.from({ length: 50 }, (_, index) => `node-${index}`);

    test('is read in parts', async () => {
      const { tree, sent } = longDirectory([names], 64);
      expect(await tree.directory('/a')).toEqual(names);
      expect(sent.length).toBeGreaterThan(5);
      expect(sent[1]).toEqual({ name: 'directoryPart', path: '/a', offset: '0' });
    });

    test('is read in one part when it has shrunk meanwhile, down to nothing', async () => {
      expect(await longDirectory([['a']], 64).tree.directory('/a')).toEqual(['a']);
      expect(await longDirectory([[]], 64).tree.directory('/a')).toEqual([]);
    });

    test('is read again from the start when it changes in between', async () => {
      const after = names.map((name) => `${name}-new`);
      const { tree, sent } = longDirectory([names, names, after], 64);
      expect(await tree.directory('/a')).toEqual(after);
      const offsets = sent.map((request) => ('offset' in request ? request.offset : ''));
      expect(offsets.filter((offset) => offset === '0').length).toBeGreaterThan(1);
    });

    test('and changes all the time is given up with XENSTORE_BUSY', async () => {
      const ever = Array.from({ length: 1000 }, () => names);
      const { tree, sent } = longDirectory(ever, 64);
      await expect(tree.directory('/a')).rejects.toMatchObject({
        code: 'XENSTORE_BUSY',
        context: { path: '/a' },
      });
      expect(sent.length).toBeLessThan(50);
    });

    test('and goes away in between throws', async () => {
      const { tree } = treeOf((request, count) => {
        if (request.name !== 'directoryPart') return refusal('XENSTORE_TOO_BIG');
        return count < 3 ? '1\0a\0' : refusal('XENSTORE_NO_ENTRY');
      });
      await expect(tree.directory('/a')).rejects.toMatchObject({ code: 'XENSTORE_NO_ENTRY' });
    });

    test('and has no generation is PROTOCOL_REMOTE', async () => {
      const { tree } = treeOf((request) =>
        request.name === 'directoryPart' ? 'abc' : refusal('XENSTORE_TOO_BIG'),
      );
      await expect(tree.directory('/a')).rejects.toMatchObject({ code: 'PROTOCOL_REMOTE' });
    });
  });
});
