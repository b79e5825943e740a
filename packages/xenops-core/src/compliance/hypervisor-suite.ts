/**
 * How a hypervisor behaves: the cases that every implementation of `Hypervisor` passes, seen first on Xen 4.17. Runs under
 * jest and under Node's own runner, in a Dom0 that has nothing else. Every case opens the host anew, leaves it as it found
 * it, and fails otherwise.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Domid } from '../ids.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { buildCases } from './hypervisor-build-cases.ts';
import {
  domidOf,
  type Body,
  type CaseSuite,
  type Check,
  type HypervisorSuiteOptions,
} from './hypervisor-case.ts';
import { assertClosed } from './hypervisor-closed-case.ts';
import { controlCases } from './hypervisor-control-cases.ts';
import { eventCases } from './hypervisor-event-cases.ts';
import { hardwareCases } from './hypervisor-hardware-cases.ts';
import { hostCases } from './hypervisor-host-cases.ts';
import { lifeCases } from './hypervisor-life-cases.ts';
import { memoryCases } from './hypervisor-memory-cases.ts';
import { ringCases } from './hypervisor-ring-cases.ts';
import { saveCases } from './hypervisor-save-cases.ts';
import { schedulerCases } from './hypervisor-scheduler-cases.ts';
import { vcpuCases } from './hypervisor-vcpu-cases.ts';

export type {
  HypervisorSuiteOptions,
  HypervisorTraits,
  SuiteKernel,
  SuiteTest,
} from './hypervisor-case.ts';

const GROUPS: readonly ((suite: CaseSuite) => void)[] = [
  hostCases,
  lifeCases,
  controlCases,
  memoryCases,
  vcpuCases,
  schedulerCases,
  hardwareCases,
  buildCases,
  saveCases,
  ringCases,
  eventCases,
];

/** Registers all cases with `test`. */
export function hypervisorSuite(options: HypervisorSuiteOptions): void {
  const { test, open } = options;
  const run = (body: Body) => async (): Promise<void> => {
    await using hypervisor = await open();
    const before = await hypervisor.listDomains();
    await body(hypervisor);
    await assertDomains(hypervisor, before.map(domidOf));
  };
  const check: Check = (name, body) => {
    test(name, run(body));
  };
  const checkIf =
    (trait: boolean | string): Check =>
    (name, body) => {
      if (trait === true) check(name, body);
      else test.skip(`${name} (${trait || 'not supported'})`, run(body));
    };
  for (const group of GROUPS) group({ options, check, checkIf });
  test('after disposal every verb fails with HYPERVISOR_UNAVAILABLE', async () => {
    await assertClosed(options);
  });
}

/** What a destroyed domain may stay listed for, while xenstored still maps its ring. */
const DYING_MS = 20_000;
const LOOK_MS = 20;

/** The host has exactly these domains, or will when those that are dying are gone. */
async function assertDomains(hypervisor: Hypervisor, expected: readonly Domid[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < DYING_MS; waitedMs += LOOK_MS) {
    const others = (await hypervisor.listDomains()).filter(
      ({ domid }) => !expected.includes(domid),
    );
    if (!others.some(({ dying }) => dying)) break;
    await sleep(LOOK_MS);
  }
  assert.deepEqual((await hypervisor.listDomains()).map(domidOf), expected);
}
