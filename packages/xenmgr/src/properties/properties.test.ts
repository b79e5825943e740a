import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseIdl, type Interface } from '@xenops/rpcgen';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft } from '../db/view.ts';
import {
  findProperty,
  PROPERTIES_OF,
  VM_PROPERTIES,
  VM_UNRESTRICTED_PROPERTIES,
} from './properties.ts';
import type { PropertyRow, StoredRow, StoredValue } from './property-row.ts';
import { readStored, writeStored } from './stored-properties.ts';
import { checkedValue } from './value-codec.ts';

const FILES = ['xenmgr.xml', 'xenmgr_host.xml', 'xenmgr_vm.xml', 'vm_disk.xml', 'vm_nic.xml'];

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly access: string;
}

/** The interfaces of the IDL. */
function declaredInterfaces(): readonly Interface[] {
  return FILES.flatMap((file) => {
    const path = fileURLToPath(new URL(`../../../../idl/${file}`, import.meta.url));
    const { document } = parseIdl({ file, text: readFileSync(path, 'utf8') });
    return document?.root.interfaces ?? [];
  });
}

/** The properties that the IDL declares, by interface. */
function declaredProperties(): Record<string, readonly Declared[]> {
  return Object.fromEntries(
    declaredInterfaces()
      .filter(({ properties }) => properties.length > 0)
      .map(({ name, properties }) => [
        name,
        sorted(properties.map((it) => ({ name: it.name, type: it.signature, access: it.access }))),
      ]),
  );
}

function sorted<T extends { readonly name: string }>(rows: readonly T[]): readonly T[] {
  return [...rows].sort((one, other) => (one.name < other.name ? -1 : 1));
}

const EVERY_ROW = Object.entries(PROPERTIES_OF).flatMap(([owner, rows]) =>
  rows.map((row) => ({ owner, rows, row })),
);

function storedRows(): readonly { owner: string; rows: readonly PropertyRow[]; row: StoredRow }[] {
  return EVERY_ROW.flatMap(({ owner, rows, row }) =>
    row.kind === 'stored' ? [{ owner, rows, row }] : [],
  );
}

describe('the tables', () => {
  test('have a row for every property of the IDL and no other, with its type and access', () => {
    const rows = Object.fromEntries(
      Object.entries(PROPERTIES_OF).map(([owner, table]) => [
        owner,
        sorted(table.map(({ name, type, access }) => ({ name, type, access }))),
      ]),
    );
    expect(rows).toEqual(declaredProperties());
  });

  test('say of each property what the IDL says of it', () => {
    const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
    const differing = declaredInterfaces().flatMap(({ name: owner, properties }) =>
      properties
        .filter(({ name, docs }) => {
          const row = findProperty(PROPERTIES_OF[owner] ?? [], name);
          return row === undefined || !words(docs).startsWith(words(row.doc));
        })
        .map(({ name }) => `${owner}.${name}`),
    );
    expect(differing).toEqual([]);
  });

  test('have as many properties of a VM as the interfaces had, and one more', () => {
    expect([VM_PROPERTIES.length, VM_UNRESTRICTED_PROPERTIES.length]).toEqual([146, 149]);
  });

  test('say of each what it is, in sentences', () => {
    for (const { owner, row } of EVERY_ROW) {
      expect([owner, row.name, row.doc]).toEqual([owner, row.name, expect.stringMatching(/\.$/)]);
    }
  });

  test('give no two properties one node, but for the alias of the icon', () => {
    const keys = VM_UNRESTRICTED_PROPERTIES.flatMap((row) =>
      row.kind === 'stored' ? [row.key] : [],
    );
    const twice = keys.filter((key, at) => keys.indexOf(key) !== at);
    expect(twice).toEqual(['image_path']);
  });

  test('have defaults that pass their own checks', () => {
    for (const { row } of storedRows()) expect(checkedValue(row, row.default)).toBe(row.default);
  });

  test('guard everything of a VM, its disks and its NICs that can be set, for its owner', () => {
    const guarded = EVERY_ROW.filter(({ row }) => row.policy !== undefined);
    const owners = new Set(guarded.map(({ owner }) => owner));
    expect([...owners].sort()).toEqual([
      'com.citrix.xenclient.vmdisk',
      'com.citrix.xenclient.vmnic',
      'com.citrix.xenclient.xenmgr.vm',
    ]);
    const settable = EVERY_ROW.filter(
      ({ owner, row }) => owners.has(owner) && row.access === 'readwrite',
    );
    expect(guarded).toEqual(settable);
  });
});

/** Values to try, of which those that the check lets pass are used. */
function valuesFor(row: StoredRow): readonly StoredValue[] {
  const candidates: Record<string, readonly StoredValue[]> = {
    b: [true, false],
    i: [row.default, 0, 1, 3, 9, 2048],
    s: [row.default, '', 'a', 'none', '/a/b', '0-1', 'hdb', 'a;b c', '00:16:3e:00:00:01'],
  };
  const choices = row.check.kind === 'choice' ? row.check.of : [];
  return [...(candidates[row.type] ?? []), ...choices].filter((value) => passes(row, value));
}

function passes(row: PropertyRow, value: unknown): boolean {
  try {
    checkedValue(row, value);
    return true;
  } catch {
    return false;
  }
}

describe('the database', () => {
  test('gives back what was stored, for every property', () => {
    for (const { rows, row } of storedRows()) {
      const values = valuesFor(row);
      expect([row.name, values.length > 0]).toEqual([row.name, true]);
      for (const value of values) {
        const object = { base: '/x', rows };
        const draft = new Draft(EMPTY_FOLDER);
        writeStored(draft, object, row, value);
        const back = readStored(draft, object, row);
        expect([row.name, back]).toEqual([row.name, value]);
      }
    }
  });

  test.each([['many'], [''], ['1e3'], ['12 MiB']])('"%s" for a number counts as none', (text) => {
    const row = rowOf('memory');
    const draft = new Draft(EMPTY_FOLDER);
    draft.write('/x/config/memory', text);
    expect(readStored(draft, { base: '/x', rows: VM_PROPERTIES }, row)).toBe(0);
  });

  test('a minimum of memory that is not set is the memory', () => {
    const object = { base: '/x', rows: VM_PROPERTIES };
    const draft = new Draft(EMPTY_FOLDER);
    writeStored(draft, object, rowOf('memory'), 700);
    expect(readStored(draft, object, rowOf('memory-min'))).toBe(700);
    writeStored(draft, object, rowOf('memory-min'), 100);
    expect(readStored(draft, object, rowOf('memory-min'))).toBe(100);
    writeStored(draft, object, rowOf('memory-min'), -1);
    expect(draft.exists('/x/config/memory-min')).toBe(false);
  });

  test('the native experience overrides what is stored', () => {
    const object = { base: '/x', rows: VM_PROPERTIES };
    const draft = new Draft(EMPTY_FOLDER);
    draft.write('/x/native-experience', 'yes');
    expect(readStored(draft, object, rowOf('start-on-boot'))).toBe(true);
    expect(readStored(draft, object, rowOf('show-switcher'))).toBe(false);
    draft.write('/x/native-experience', 'false');
    expect(readStored(draft, object, rowOf('start-on-boot'))).toBe(false);
  });

  test('a flag with the opposite in the database is a missing node by default', () => {
    const object = { base: '/x', rows: VM_PROPERTIES };
    const draft = new Draft(EMPTY_FOLDER);
    writeStored(draft, object, rowOf('policy-print-screen'), false);
    expect(draft.read('/x/policies/print-screen-disallowed')).toBe('true');
    writeStored(draft, object, rowOf('policy-print-screen'), true);
    expect(draft.list('/')).toEqual([]);
  });
});

function anyRowOf(name: string): PropertyRow {
  const row = VM_PROPERTIES.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`No property has the name ${name}`);
  return row;
}

function rowOf(name: string): StoredRow {
  const row = anyRowOf(name);
  if (row.kind !== 'stored') throw new Error(`${name} is not stored`);
  return row;
}

describe('a new value', () => {
  test.each([
    ['memory', 'many'],
    ['memory', -5],
    ['memory', 1.5],
    ['memory', 2 ** 40],
    ['acpi', 1],
    ['name', 'two\nlines'],
    ['cmd-line', 'root=/dev/xvda\nextra-xenvm=x'],
    ['virt-type', 'xen'],
    ['boot', 'x'],
    ['cd', '../../etc/shadow'],
    ['cd', '..'],
    ['image-path', '/etc/shadow'],
    ['image-path', 'images/../../../etc/shadow'],
    ['kernel', 'relative'],
    ['kernel', '/storage/../etc/shadow'],
    ['gpu', 'card0'],
    ['slot', 10],
    ['passthrough-io', '10'],
    ['boot-sentinel', '../../0/backend-domid'],
  ])('%s cannot be %j', (name, value) => {
    expect(() => checkedValue(anyRowOf(name), value)).toThrow(
      expect.objectContaining({ code: 'CONFIG_BAD_VALUE' }),
    );
  });

  test.each([
    ['boot', 'dc'],
    ['display', 'vnc:use-port-unused,keymap=de'],
    ['display', ''],
    ['gpu', '0000:01:00.0'],
    ['passthrough-mmio', '0xfed00000-0xfed00fff'],
    ['kernel-extract', '0,1:/boot/vmlinuz,x'],
    ['boot-sentinel', 'booted'],
    ['image-path', 'images/vm..png'],
    ['cmd-line', 'console=hvc0 root=/dev/xvda1 ro'],
  ])('%s can be %j', (name, value) => {
    expect(checkedValue(rowOf(name), value)).toBe(value);
  });
});
