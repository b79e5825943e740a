/** The addon on real Xen: pushes the workspace to a lab and runs there what needs a Dom0. */
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { LAB_TIMEOUT_MS, NativeLab, RUN_TIMEOUT_MS } from './native.lab-helper.ts';

/** The whole crowd takes minutes and is in native.long.lab.ts. */
const SMALL_CROWD = ['CROWD_GUESTS=30', 'CROWD_ROUNDS=1'];

describe('the addon on real Xen', () => {
  let lab: NativeLab;

  beforeAll(async () => {
    lab = await NativeLab.start();
  }, LAB_TIMEOUT_MS);
  afterAll(() => lab[Symbol.asyncDispose](), LAB_TIMEOUT_MS);

  test.each([
    ['passes the compliance suite of Hypervisor', 'compliance-in-dom0.js', []],
    ['survives work that is cut short', 'teardown-in-dom0.js', []],
    ['does to real domains what the verbs say', 'verbs-in-dom0.js', []],
    ['shares memory and event channels with guests', 'rings-in-dom0.js', []],
    ['builds and boots guests, with kernels from a cache', 'builds-in-dom0.js', []],
    ['saves and restores guests at work', 'saves-in-dom0.js', []],
    ['makes thirty guests at once', 'crowd-in-dom0.js', SMALL_CROWD],
  ] as const)(
    '%s, and leaves no domain behind',
    (_, file, environment) => lab.passes(file, environment),
    RUN_TIMEOUT_MS,
  );
});
