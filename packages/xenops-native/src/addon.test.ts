/** The built addon on any machine, with Xen or without: nothing here gets as far as the hypervisor. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ADDON_ARITY, isAddon } from './addon.ts';
import { BUILT_ADDON } from './load-addon.ts';

/** The built one, or another build of it (test-asan.mjs). */
const addonPath =
  process.env['XENOPS_TEST_ADDON'] ??
  fileURLToPath(new URL('../build/Release/xenops.node', import.meta.url));
const require = createRequire(import.meta.url);
const WORKER_COUNT = 20;

/** Registers a test of the built addon; without one, the reason stands in the report. */
function testBuilt(name: string, body: () => void | Promise<void>): void {
  if (existsSync(addonPath)) test(name, body);
  else test.skip(`${name} (the addon is not built: npx xenops-native-build)`, body);
}

/** The class of what the call throws, by name: the addon's errors are not of the realm that tests run in. */
function nameOfError(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return types.isNativeError(error) ? error.name : typeof error;
  }
  return undefined;
}

type Exported = (...args: readonly unknown[]) => unknown;

function exportsOfAddon(): readonly (readonly [string, Exported])[] {
  return Object.entries(require(addonPath) as Record<string, Exported>);
}

testBuilt('the binary exports what addon.ts says, each with its number of arguments', () => {
  const arity = exportsOfAddon().map(([name, exported]) => [name, exported.length]);
  expect(Object.fromEntries(arity)).toEqual(ADDON_ARITY);
  expect(isAddon(BUILT_ADDON.load())).toBe(true);
});

testBuilt('a wrong number of arguments is a TypeError', () => {
  for (const [name, exported] of exportsOfAddon()) {
    const args = Array.from({ length: exported.length + 1 }, () => undefined);
    expect([name, nameOfError(() => exported(...args))]).toEqual([name, 'TypeError']);
  }
});

testBuilt('what does not come from openInterface is refused as a connection', () => {
  for (const [name, exported] of exportsOfAddon()) {
    if (!['version', 'physInfo', 'listDomains', 'closeInterface'].includes(name)) continue;
    for (const wrong of [undefined, null, 1, 'xc', {}, [], () => undefined, new Map()]) {
      expect(nameOfError(() => exported(wrong))).toBe('TypeError');
    }
  }
});

testBuilt('numbers are neither wrapped nor rounded', () => {
  const addon = require(addonPath) as Record<'findDomain' | 'pauseDomain', Exported>;
  const records = new ArrayBuffer(0);
  for (const domid of [-1, 0.5, Number.NaN, Infinity, 2 ** 32 + 5, 65541, 0x7ff0]) {
    expect(nameOfError(() => addon.findDomain({}, domid, records))).toBe('RangeError');
  }
  for (const domid of ['5', 5n, null, undefined, [5], { valueOf: () => 5 }]) {
    expect(nameOfError(() => addon.findDomain({}, domid, records))).toBe('TypeError');
  }
  expect(nameOfError(() => addon.pauseDomain({}, 0))).toBe('RangeError');
});

testBuilt('arguments of any kind are refused and never crash', () => {
  const exported = exportsOfAddon().filter(([, { length }]) => length > 0);
  const anything = fc.anything({ withBigInt: true, withTypedArray: true, withDate: true });
  fc.assert(
    fc.property(fc.constantFrom(...exported), fc.array(anything), ([, run], values) => {
      const args = Array.from({ length: run.length }, (_, index) => values[index]);
      expect(() => run(...args)).toThrow();
    }),
    { numRuns: 2000 },
  );
});

testBuilt('an error thrown while an argument is read comes out as it is', () => {
  const { startBuild } = require(addonPath) as Record<'startBuild', Exported>;
  const broken = new Error('getter');
  const spec = {
    get guestType(): never {
      throw broken;
    },
  };
  expect(() => startBuild({}, 1, spec, undefined)).toThrow(broken);
});

testBuilt('twenty worker threads load and unload it', async () => {
  // openInterface fails where there is no Xen, and is closed by the end of the thread where there is.
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    const addon = require(workerData);
    try { addon.openInterface(); } catch (error) { if (error.call !== 'xc_interface_open') throw error; }
    parentPort.postMessage(Object.keys(addon).length);
  `;
  const run = async (): Promise<unknown> => {
    const worker = new Worker(code, { eval: true, workerData: addonPath });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const count = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    await exited;
    return count;
  };
  const counts = await Promise.all(Array.from({ length: WORKER_COUNT }, run));
  expect(new Set(counts)).toEqual(new Set([Object.keys(ADDON_ARITY).length]));
});

/** Long calls that fail on their threads, on any machine: each opens a file that is not there. */
const CALLS = 12;

testBuilt(
  'long calls side by side each settle with their own outcome, round after round',
  async () => {
    const { startAttachLoop } = require(addonPath) as Record<
      'startAttachLoop',
      (filePath: string, readOnly: boolean) => { readonly done: Promise<unknown> }
    >;
    for (let round = 0; round < 20; round++) {
      const paths = Array.from({ length: CALLS }, (_, index) => `/absent/${round}/${index}`);
      const outcomes = paths.map((path) => startAttachLoop(path, true).done);
      const failures = await Promise.all(
        outcomes.map((done) => done.catch((error: unknown) => (error as { call: string }).call)),
      );
      expect(failures).toEqual(paths.map((path) => `open ${path}`));
    }
  },
);

testBuilt('twenty worker threads end with long calls under way', async () => {
  const code = `
    const { workerData } = require('node:worker_threads');
    const { startAttachLoop } = require(workerData.addonPath);
    for (let index = 0; index < ${CALLS}; index++) {
      const { done, abort } = startAttachLoop('/absent/' + index, true);
      done.catch(() => {});
      if (index % 3 === 0) abort();
    }
    if (workerData.exits) process.exit();
  `;
  const exitCodes = await Promise.all(
    Array.from({ length: WORKER_COUNT }, async (_, index) => {
      const worker = new Worker(code, {
        eval: true,
        workerData: { addonPath, exits: index % 2 === 0 },
      });
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    }),
  );
  expect(exitCodes).toEqual(exitCodes.map(() => 0));
});
