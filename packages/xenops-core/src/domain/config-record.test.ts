import { expect, test } from '@jest/globals';
import type { Host } from '../host/host.ts';
import { domid, vmUuid } from '../ids.ts';
import { configRecord, readDomainConfig, updateXlFile } from './config-record.ts';
import type { BuildConfig } from './build-config.ts';

const hvm: BuildConfig = {
  kind: 'hvm',
  memoryKib: 262_144,
  vcpus: 1,
  viridianFeatures: 0x2an,
  platform: { note: 'größer "\\ \u{1f427}'.repeat(400) },
};

test('a configuration that is longer than a node lies in several, and comes back whole', () => {
  const nodes = configRecord(domid(7), hvm);
  expect(nodes.length).toBeGreaterThan(1);
  expect(nodes.map(({ path }) => path)).toEqual(
    nodes.map((_, index) => `/libxl/7/xenops/build/${index}`),
  );
  expect(nodes.every(({ value = '' }) => Buffer.byteLength(value) <= 3072)).toBe(true);
  const text = nodes.map(({ value = '' }) => value).join('');
  expect(JSON.parse(text)).toEqual({ ...hvm, viridianFeatures: '42n' });
});

test("libxl's file is a C string: what it writes is read, and what it reads has an end", async () => {
  const uuid = vmUuid('00112233-4455-6677-8899-aabbccddeeff');
  const ofXl = {
    c_info: { type: 'pv', name: 'theirs', uuid },
    b_info: { max_vcpus: 1, max_memkb: 16_384, target_memkb: 16_384, kernel: '/boot/vmlinux' },
    on_crash: 'preserve',
  };
  let file = `${JSON.stringify(ofXl)}\n\0`;
  const parts = {
    uri: 'xen:',
    hypervisor: { findDomain: () => ({ domid: 7, uuid }) },
    store: { directory: async () => [], find: async () => undefined },
    services: {
      readText: async () => file,
      writePrivateFile: async (_path: string, text: string) => void (file = text),
    },
  };
  // Only these parts are asked.
  const host = parts as unknown as Host;
  expect(await readDomainConfig(host, domid(7))).toMatchObject({ name: 'theirs', uuid });
  await updateXlFile(host, domid(7));
  expect(file).toMatch(/^\{.*"on_crash":"preserve".*\}\0$/);
});
