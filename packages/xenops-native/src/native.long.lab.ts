/** What the addon does on real Xen that takes too long for every day, or that emulation spoils now and then. */
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { LAB_TIMEOUT_MS, NativeLab, RUN_TIMEOUT_MS } from './native.lab-helper.ts';

describe('the addon on real Xen, at length', () => {
  let lab: NativeLab;

  beforeAll(async () => {
    lab = await NativeLab.start();
  }, LAB_TIMEOUT_MS);
  afterAll(() => lab[Symbol.asyncDispose](), LAB_TIMEOUT_MS);

  test(
    'boots an HVM guest, and leaves no domain behind',
    () => lab.passes('hvm-in-dom0.js'),
    RUN_TIMEOUT_MS,
  );

  test(
    'makes a hundred guests at once, three times, and leaves no domain behind',
    () => lab.passes('crowd-in-dom0.js', ['CROWD_GUESTS=100', 'CROWD_ROUNDS=3']),
    RUN_TIMEOUT_MS,
  );
});
