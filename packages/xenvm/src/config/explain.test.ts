import { describe, expect, test } from '@jest/globals';
import { CONFIG_KEYS, KEY_ROWS } from './config-keys.ts';
import {
  checkFile,
  configSchema,
  explainKeys,
  renderExplanations,
  renderReport,
} from './explain.ts';

describe('config check', () => {
  const text = 'memory = 64\nkernel = /k\nvnc-password = abc\nvcpus = x\n';

  test('reports problems and what would count, secrets as stars', () => {
    const report = checkFile(text, 'normal');
    expect(report).toMatchObject({
      isAccepted: false,
      problems: [{ key: 'vcpus', line: 4, column: 9 }],
      config: { memory: 64, vcpus: 1, 'vnc-password': '********', disk: [] },
    });
    expect(renderReport(report, 'vm.cfg')).toBe(
      'config error: vcpus: "x" is no whole number from 1 to 512 (vm.cfg:4:9)\n' +
        'vm.cfg: refused, 1 errors, 0 warnings\n',
    );
  });

  test('accepts under each strictness what that lets pass', () => {
    const accepted = (strictness: 'strict' | 'normal' | 'lenient', more: string) =>
      checkFile(`memory=1\nkernel=/k\n${more}`, strictness).isAccepted;
    expect(accepted('normal', 'colour=red')).toBe(true);
    expect(accepted('strict', 'colour=red')).toBe(false);
    expect(accepted('lenient', 'vcpus=x')).toBe(true);
  });
});

describe('config explain', () => {
  test('tells one key, as data and as text', () => {
    const explained = explainKeys(['memory-max']);
    expect(explained).toMatchObject([{ name: 'memory-max', unit: 'MiB', applies: 'next-start' }]);
    expect(renderExplanations(explained)).toMatch(
      /^memory-max\n {4}.*\n {4}integer in MiB; 1 to \d+; counts at the next start\n$/,
    );
  });

  test('tells a key by its other name', () => {
    expect(explainKeys(['vif'])).toMatchObject([{ name: 'nic', alias: 'vif' }]);
  });

  test('refuses a name that is none, with the one that was meant', () => {
    expect(() => explainKeys(['memory_max'])).toThrow(/memory-max/);
  });

  test('knows every row of the table, each once and with a sentence', () => {
    const all = explainKeys();
    expect(all).toHaveLength(KEY_ROWS.length);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(all.filter(({ doc }) => doc.length < 10)).toEqual([]);
  });
});

describe('the schema', () => {
  test('has every key with its unit, and marks secrets and keys without effect', () => {
    const { properties, required } = configSchema();
    expect(Object.keys(properties)).toEqual(KEY_ROWS.map(({ key }) => key.name));
    expect(required).toEqual(['memory']);
    expect(properties['memory']).toMatchObject({ type: 'integer', minimum: 1, 'x-unit': 'MiB' });
    expect(properties['vnc-password']).toMatchObject({ writeOnly: true });
    expect(properties['usb']).toMatchObject({ deprecated: true, default: true });
    expect(properties['disk']).toMatchObject({ type: 'array', items: { type: 'string' } });
  });

  test('has patterns that are regular expressions and take the defaults', () => {
    for (const { key, field } of KEY_ROWS) {
      const { pattern } = key.type.schema;
      if (pattern === undefined) continue;
      for (const line of key.type.lines(CONFIG_KEYS[field].default)) {
        expect(line).toMatch(new RegExp(pattern, 'u'));
      }
    }
  });
});
