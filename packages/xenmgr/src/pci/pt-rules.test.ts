import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DeviceError } from '@xenops/core/errors';
import { formatPciAddress } from '@xenops/core/hypervisor';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft } from '../db/view.ts';
import type { HostPciDevice } from '../host/pci-devices.ts';
import type { VmLife } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { MACHINE, makeMachine } from '../testing/machine.test-helper.ts';
import { bindGreedily } from './greedy-binding.ts';
import { pciPart } from './pci-part.ts';
import { ptDevices } from './pt-devices.ts';
import {
  addRule,
  deleteRule,
  formatRule,
  guestSlot,
  matches,
  parseAddressRule,
  parseKindRule,
  ptRules,
} from './pt-rules.ts';

const NIC: HostPciDevice = {
  ...{ address: '0000:00:19.0', class: 0x0200, vendor: 0x8086, device: 0x1502 },
  isBootVga: false,
};

const rulesOf = (draft: Draft): readonly string[] =>
  ptRules(draft, 'a').map(({ id, rule }) => `${String(id)} ${formatRule(rule)}`);

describe('a rule', () => {
  test('by kind matches what its parts say; a part that is empty or any says nothing', () => {
    expect(matches(parseKindRule('0x0200', '', 'ANY'), NIC)).toBe(true);
    expect(matches(parseKindRule('512', '32902', '0x1502'), NIC)).toBe(true);
    expect(matches(parseKindRule('', '0x8087', ''), NIC)).toBe(false);
  });

  test('by address has the slot in hexadecimal, and keeps it however often rules are changed', () => {
    const draft = new Draft(EMPTY_FOLDER);
    addRule(draft, 'a', parseAddressRule('0000:00:19.0@1F'));
    for (const vendor of ['1', '2', '3']) {
      addRule(draft, 'a', parseKindRule('', vendor, ''));
      deleteRule(draft, 'a', parseKindRule('', vendor, ''));
    }
    const [only] = ptRules(draft, 'a');
    expect(only?.rule).toEqual({ kind: 'address', address: '0000:00:19.0', slot: 0x1f });
    expect(only && guestSlot(only.rule, NIC)).toBe(0x1f);
  });

  test.each([
    ['0x10000', '', ''],
    ['', '-1', ''],
    ['', '', '1e3'],
  ])('by %j %j %j is none', (kind, vendor, device) => {
    expect(() => parseKindRule(kind, vendor, device)).toThrow(
      expect.objectContaining({ code: 'BAD_VALUE' }),
    );
  });

  test.each(['00:19.0', '0000:00:19.8', '0000:00:19.0@20', '0000:00:19.0@x', '../..'])(
    'for the address %j is none',
    (text) => {
      expect(() => parseAddressRule(text)).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }));
    },
  );

  test('that is there is not added again, numbers go up from 1, and equal ones go together', () => {
    const draft = new Draft(EMPTY_FOLDER);
    for (const vendor of ['0x8086', '32902', '0x10de'])
      addRule(draft, 'a', parseKindRule('', vendor, ''));
    expect(rulesOf(draft)).toEqual([
      '1 class=any vendor=0x8086 device=any',
      '2 class=any vendor=0x10de device=any',
    ]);
    deleteRule(draft, 'a', parseKindRule('', '0x8086', ''));
    addRule(draft, 'a', parseKindRule('', '', ''));
    expect(rulesOf(draft).map((line) => line.slice(0, 1))).toEqual(['2', '3']);
  });

  test('that somebody has stored and is none is left out', () => {
    const draft = new Draft(EMPTY_FOLDER);
    draft.write('/vm/a/config/pci/1/bdf', 'nonsense');
    draft.write('/vm/a/config/pci/2/class', 'many');
    draft.write('/vm/a/config/pci/3/vendor', '0x8086');
    expect(ptRules(draft, 'a').map(({ id }) => id)).toEqual([3]);
  });
});

describe('the devices of a VM', () => {
  let around: FakeAround;
  beforeEach(async () => {
    around = await fakeAround();
    const { places } = around;
    const machine = { ...places, proc: `${places.root}/proc`, sys: `${places.root}/sys` };
    around = { ...around, places: machine };
    await makeMachine(machine);
  });
  afterEach(async () => around[Symbol.asyncDispose]());

  async function store(settings: Readonly<Record<string, unknown>>): Promise<void> {
    await around.database.transact((draft) => draft.inject('/vm', JSON.stringify(settings)));
  }
  const addresses = async (uuid: string): Promise<readonly string[]> =>
    (await ptDevices(around, uuid)).map(({ device }) => device.address);
  const part = (running: readonly string[] = []) =>
    pciPart(
      around as unknown as Surroundings,
      () => ({ isRunning: (uuid: string) => running.includes(uuid) }) as unknown as VmLife,
    );

  test('are its card with the functions beside it, and no rule is stored for that', async () => {
    await store({ a: { gpu: MACHINE.secondGpu } });
    expect(await addresses('a')).toEqual([MACHINE.secondGpu, '0000:01:00.1']);
    expect(ptRules(around.database.view(), 'a')).toEqual([]);
  });

  test('are those of AMT where host and VM say so', async () => {
    await store({ a: { 'amt-pt': 'true' } });
    expect(await addresses('a')).toEqual([]);
  });

  test('are found anew each time, so that one that came is seen', async () => {
    await store({ a: { config: { pci: { 1: { bdf: '0000:02:00.0' } } } } });
    expect(await addresses('a')).toEqual([]);
    const { mkdir, writeFile } = await import('node:fs/promises');
    const folder = `${around.places.sys}/bus/pci/devices/0000:02:00.0`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/class`, '0x020000');
    expect(await addresses('a')).toEqual(['0000:02:00.0']);
  });

  test('are refused to a second VM while the first runs, a service VM included', async () => {
    const pci = { 1: { bdf: MACHINE.network } };
    await store({ a: { config: { pci } }, n: { type: 'ndvm', config: { pci } } });
    await part().check?.('a');
    await expect(part(['n']).check?.('a')).rejects.toMatchObject({ code: 'PCI_DEVICE_IN_USE' });
  });

  test('are not an Intel card that the firmware has not set up', async () => {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${around.places.sys}/bus/pci/devices/${MACHINE.gpu}/boot_vga`, '0');
    await store({ a: { config: { pci: { 1: { bdf: MACHINE.gpu } } } } });
    await expect(part().check?.('a')).rejects.toMatchObject({ code: 'GPU_NOT_SECONDARY' });
  });

  test('are kept for it from the start on where it is greedy; what cannot be kept is logged', async () => {
    const pci = { 1: { vendor: '0x10de' } };
    const calm = {
      'greedy-pciback-bind': 'false',
      config: { pci: { 1: { bdf: MACHINE.network } } },
    };
    await store({
      a: { config: { pci } },
      b: { config: { pci } },
      c: calm,
      d: { gpu: MACHINE.gpu },
    });
    const kept: string[] = [];
    await bindGreedily({ ...around, host: {} as never }, async (_host, address) => {
      kept.push(formatPciAddress(address));
      if (kept.length === 1) throw new DeviceError('DEVICE_NOT_FOUND', { message: 'It is gone' });
    });
    expect(kept).toEqual([MACHINE.secondGpu, '0000:01:00.1']);
    expect(around.lines.join('\n')).toContain('not kept for guests');
  });
});
