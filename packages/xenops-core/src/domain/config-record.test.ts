import { expect, test } from '@jest/globals';
import { domid } from '../ids.ts';
import { configRecord } from './config-record.ts';
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
