import { describe, expect, test } from '@jest/globals';
import { domid, vmUuid } from '@xenops/core/ids';
import { breakDownMemory } from '@xenops/core/memory';
import fc from 'fast-check';
import { defaultConfig, KEY_NAMES, KEY_ROWS } from './config-keys.ts';
import { requiredToBootKib } from './footprint.ts';
import { getField, setField } from './fields.ts';
import { parseConfig } from './parse-config.ts';
import { renderConfig } from './render-config.ts';
import type { DiskSpec } from './values/disk-line.ts';
import type { NicSpec } from './values/nic-line.ts';
import type { VmConfig } from './vm-config.ts';

const word = fc.stringMatching(/^[a-z0-9_]{1,12}$/);
const path = fc.stringMatching(/^\/[a-z0-9/._-]{0,30}$/);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const hex = (size: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${size}}$`));
const uuid = fc
  .tuple(hex(8), hex(4), hex(4), hex(4), hex(12))
  .map((parts) => vmUuid(parts.join('-')));
const domain = fc.integer({ min: 0, max: 0x7fef }).map(domid);

const disk: fc.Arbitrary<DiskSpec> = fc
  .record({
    target: path,
    type: fc.constantFrom('phy', 'file', 'vhd', 'qcow2'),
    readOnly: fc.boolean(),
    isEncrypted: fc.boolean(),
    snapshot: fc.constantFrom('none', 'temporary', 'coalesce', 'scripted'),
    backendDomid: domain,
  } as const)
  .map(({ isEncrypted, snapshot, ...spec }) => ({
    ...spec,
    vdev: 'xvda',
    isCdrom: false,
    snapshot: spec.type === 'phy' || spec.type === 'file' ? 'none' : snapshot,
    ...(isEncrypted && spec.type === 'vhd'
      ? { crypt: { keyFile: '/k', cipher: 'aes-xts-plain', keySizeBits: 512 } }
      : {}),
  }));
const disks = fc
  .array(disk, { maxLength: 8 })
  .map((list) => list.map((spec, index) => ({ ...spec, vdev: `xvd${'abcdefgh'[index]}` })));

const nic: fc.Arbitrary<NicSpec> = fc.record({
  network: fc.stringMatching(/^(\/[a-z0-9/]{1,10})?$/),
  bridge: fc.stringMatching(/^[a-z0-9]{0,10}$/),
  mac: fc.oneof(
    fc.constant({ kind: 'vm' } as const),
    fc.constant({ kind: 'random' } as const),
    hex(2).map((byte) => ({ kind: 'given', mac: `00:16:3e:00:00:${byte}` }) as const),
  ),
  model: fc.constantFrom('', 'e1000'),
  isWireless: fc.boolean(),
  backendDomid: domain,
});

const config: fc.Arbitrary<VmConfig> = fc
  .record({
    uuid: maybe(uuid),
    name: maybe(fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/)),
    kernelPath: path,
    cmdline: fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/),
    memoryMib: fc.integer({ min: 4, max: 1 << 20 }),
    vcpus: fc.integer({ min: 1, max: 512 }),
    hap: fc.boolean(),
    startup: fc.oneof(
      fc.constantFrom({ kind: 'started' } as const, { kind: 'paused' } as const),
      fc.record({
        kind: fc.constant('restore' as const),
        imagePath: path,
        deleteImage: fc.boolean(),
      }),
    ),
    platform: fc.array(fc.record({ key: word, value: maybe(word) }), { maxLength: 4 }),
    smbiosOemTypes: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }),
    affinity: fc.array(
      fc.record({
        vcpu: fc.constant(0),
        cpus: fc
          .uniqueArray(fc.integer({ min: 0, max: 4095 }), { minLength: 1, maxLength: 6 })
          .map((cpus) => cpus.sort((a, b) => a - b)),
      }),
      { maxLength: 2 },
    ),
    vncPassword: maybe(fc.stringMatching(/^[!-~]{1,8}$/)),
    disks,
    nics: fc.array(nic, { maxLength: 6 }),
  })
  .map(({ memoryMib, ...rest }) => ({
    ...defaultConfig({ hasFile: true }),
    ...rest,
    memoryKib: memoryMib * 1024,
  }));

describe('a configuration', () => {
  test('that is rendered parses to itself, without a problem', () => {
    fc.assert(
      fc.property(config, (value) => {
        expect(parseConfig(renderConfig(value, { withSecrets: true }))).toEqual({
          config: value,
          problems: [],
        });
      }),
    );
  });

  test('gives every key by get as set would take it', () => {
    fc.assert(
      fc.property(config, fc.constantFrom(...KEY_ROWS), (value, { key }) => {
        fc.pre(!key.isSecret);
        expect(setField(value, key.name, getField(value, key.name))).toEqual(value);
      }),
    );
  });

  test('shows a secret nowhere', () => {
    fc.assert(
      fc.property(config, (value) => {
        const secret = { ...value, vncPassword: 'S3cr3t!!' };
        expect(renderConfig(secret, { withSecrets: false })).not.toContain('S3cr3t!!');
        expect(getField(secret, 'vnc-password')).not.toContain('S3cr3t!!');
      }),
    );
  });

  test('never needs less memory than its start asks for', () => {
    const sizes = fc.record({
      memoryMib: fc.integer({ min: 1, max: 1 << 20 }),
      moreMib: fc.integer({ min: 0, max: 1 << 20 }),
      vcpus: fc.integer({ min: 1, max: 512 }),
      hap: fc.boolean(),
      guestType: fc.constantFrom('pv', 'pvh', 'hvm'),
    } as const);
    fc.assert(
      fc.property(sizes, ({ memoryMib, moreMib, vcpus, hap, guestType }) => {
        const [memoryKib, memoryMaxKib] = [memoryMib * 1024, (memoryMib + moreMib) * 1024];
        const told = requiredToBootKib({
          ...defaultConfig({ hasFile: true }),
          ...{ memoryKib, memoryMaxKib, vcpus, hap, guestType },
        });
        const asked = breakDownMemory({
          guestType,
          vcpus,
          hap,
          targetKib: memoryKib,
          maxKib: memoryMaxKib,
        });
        expect(told).toBeGreaterThanOrEqual(asked.neededKib);
      }),
    );
  });
});

describe('any text', () => {
  const line = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom(...KEY_NAMES), fc.string()).map((pair) => pair.join('=')),
    fc
      .tuple(
        fc.constantFrom('disk', 'nic', 'pci', 'cpuid'),
        fc.stringMatching(/^[a-z0-9:,=./+-]*$/),
      )
      .map((pair) => pair.join(' = ')),
  );
  test('is parsed without an exception, and every problem lies inside of it', () => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.join('\n');
        const all = text.split('\n');
        for (const { line: at, column } of parseConfig(text).problems) {
          expect(at).toBeLessThanOrEqual(all.length);
          expect(column).toBeLessThanOrEqual((all[at - 1]?.length ?? 0) + 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});
