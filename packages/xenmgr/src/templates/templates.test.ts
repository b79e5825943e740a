import { describe, expect, test } from '@jest/globals';
import { leavesOf, type Leaf } from '../db/tree.ts';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft } from '../db/view.ts';
import {
  DISK_PROPERTIES,
  NIC_PROPERTIES,
  VM_UNRESTRICTED_PROPERTIES,
} from '../properties/properties.ts';
import type { PropertyRow } from '../properties/property-row.ts';
import { checkedValue, decodeValue } from '../properties/value-codec.ts';
import { renderVmConfig } from '../vm-config/vm-config.ts';
import {
  BUILT_IN_FOLDER,
  listTemplates,
  mergeJson,
  parseJsonObject,
  parseTemplate,
  readTemplate,
  settingsNode,
} from './templates.ts';

const BUILT_IN = [
  'new-vm',
  'new-vm-empty',
  'new-vm-linux',
  'new-vm-ndvm',
  'new-vm-sync',
  'new-vm-windows8',
  'new-vm-xp',
  'service-ndvm',
  'service-ndvm-hvm',
  'service-ndvm-pv',
  'service-uivm',
  'service-usbvm',
];

/** Parts of a VM that are no properties: rules, and the uuid by which a service VM is known. */
const OTHER_PARTS: readonly RegExp[] = [
  /^uuid$/,
  /^(argo|rpc)-firewall-rules\/\d+$/,
  /^config\/nic\/\d+\/id$/,
  /^config\/pci\/\d+\/(class|vendor|device|force-slot|bdf)$/,
];

/** The table and the key of a text in a VM. */
function placeOf({ path }: Leaf): { rows: readonly PropertyRow[]; key: string } {
  const [config, list, , ...rest] = path;
  if (config === 'config' && list === 'disk') return { rows: DISK_PROPERTIES, key: rest.join('/') };
  if (config === 'config' && list === 'nic') return { rows: NIC_PROPERTIES, key: rest.join('/') };
  return { rows: VM_UNRESTRICTED_PROPERTIES, key: path.join('/') };
}

/** What is wrong with a text of a template; undefined when nothing is. */
function problemOf(leaf: Leaf): string | undefined {
  const path = leaf.path.join('/');
  if (OTHER_PARTS.some((part) => part.test(path))) return undefined;
  const { rows, key } = placeOf(leaf);
  const row = rows.find((candidate) => candidate.kind === 'stored' && candidate.key === key);
  if (row?.kind !== 'stored') return `${path} is no property`;
  const value = decodeValue(row, leaf.text);
  if (value === undefined) return `${path} cannot be ${leaf.text}`;
  checkedValue(row, value);
  return undefined;
}

describe('the built-in templates', () => {
  test('are all there', async () => {
    expect(await listTemplates(BUILT_IN_FOLDER)).toEqual(BUILT_IN);
  });

  test.each(BUILT_IN)('%s has known properties with values that they can have', async (name) => {
    const { settings } = await readTemplate(BUILT_IN_FOLDER, name);
    const leaves = [...leavesOf(settingsNode(settings))];
    expect(leaves.length).toBeGreaterThan(5);
    expect(leaves.map(problemOf).filter((problem) => problem !== undefined)).toEqual([]);
  });

  test.each(BUILT_IN)('%s makes a configuration', async (name) => {
    const { settings } = await readTemplate(BUILT_IN_FOLDER, name);
    const uuid = '00000000-0000-0000-0000-00000000000a';
    const draft = new Draft(EMPTY_FOLDER);
    draft.replace(`/vm/${uuid}`, settingsNode(settings));
    const text = renderVmConfig(draft, uuid, {
      networks: new Map(),
      nicBackends: new Map(),
      pciDevices: [],
      cdDrives: [],
      keyFolders: [],
      missingImages: new Set(),
      extractedKernel: '/run/kernel',
      stubdomUuid: '00000000-0000-0000-0000-00000000000b',
    });
    expect(text).toContain('notify=dbus');
    expect(text).toMatch(/^memory=[1-9][0-9]+$/m);
    expect(text).toMatch(/^(hvm=true|kernel=\/.+)$/m);
  });

  test('offer user interfaces those for VMs of users', async () => {
    const templates = await Promise.all(
      BUILT_IN.map((name) => readTemplate(BUILT_IN_FOLDER, name)),
    );
    const selectable = templates.filter(({ isSelectable }) => isSelectable);
    expect(selectable.map(({ name }) => name)).toEqual([
      'new-vm',
      'new-vm-empty',
      'new-vm-linux',
      'new-vm-windows8',
      'new-vm-xp',
    ]);
    for (const { description } of selectable) expect(description).not.toBe('');
  });

  test('give service VMs their uuids', async () => {
    const services = BUILT_IN.filter((name) => name.startsWith('service-'));
    for (const name of services) {
      const { kind, settings } = await readTemplate(BUILT_IN_FOLDER, name);
      expect([name, kind, settings['uuid']]).toEqual([
        name,
        'service',
        expect.stringMatching(/^0{8}-0{4}-0{4}-0{4}-0{11}[123]$/),
      ]);
    }
  });
});

describe('a template', () => {
  test('keeps what is about itself from becoming settings', () => {
    const template = parseTemplate(
      'child-x',
      '{"ui-selectable": "true", "description": "d", "parent-override": {"a": "b"}, "name": "n"}',
    );
    expect(template).toEqual({
      name: 'child-x',
      kind: 'child',
      isSelectable: true,
      description: 'd',
      settings: { name: 'n' },
      parentOverride: { a: 'b' },
    });
  });

  test.each(['', '[]', 'null', '"x"', '{'])('is not the text "%s"', (text) => {
    expect(() => parseTemplate('x', text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_BAD_VALUE' }),
    );
  });

  test.each(['../default/new-vm', 'none', ''])('is not found by the name "%s"', async (name) => {
    await expect(readTemplate(BUILT_IN_FOLDER, name)).rejects.toMatchObject({
      code: 'CONFIG_BAD_VALUE',
    });
  });
});

test('of two objects the second wins, key by key, and lists as a whole', () => {
  const one = { a: { b: '1', c: '2' }, list: ['x', 'y'], kept: '1' };
  const other = { a: { c: '3', d: '4' }, list: ['z'], new: { e: '5' } };
  expect(mergeJson(one, other)).toEqual({
    a: { b: '1', c: '3', d: '4' },
    list: ['z'],
    kept: '1',
    new: { e: '5' },
  });
  const odd = parseJsonObject('a test', '{"__proto__": {"x": "1"}}');
  expect(Object.keys(mergeJson({ a: '1' }, odd))).toEqual(['a', '__proto__']);
});
