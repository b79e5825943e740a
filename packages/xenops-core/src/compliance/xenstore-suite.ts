/**
 * How a xenstored behaves: the cases that the daemons of Xen and the embedded server pass, over the wire as Dom0 and as
 * guests, and through the `XenStore` interface. Runs under jest and under Node's own runner.
 */
import type { Awaitable } from '../hypervisor/hypervisor.ts';
import { apiCases } from './xenstore-api-cases.ts';
import { StoreBench, type StoreCase, type StoreHost } from './xenstore-case.ts';
import { conflictCases } from './xenstore-conflict-cases.ts';
import { domainCases } from './xenstore-domain-cases.ts';
import { domainDeathCases } from './xenstore-domain-death-cases.ts';
import { frameCases } from './xenstore-frame-cases.ts';
import { nodeCases } from './xenstore-node-cases.ts';
import { pathCases } from './xenstore-path-cases.ts';
import { permissionCases } from './xenstore-permission-cases.ts';
import { quotaCases } from './xenstore-quota-cases.ts';
import type { StoreTraits } from './xenstore-traits.ts';
import { transactionCases } from './xenstore-transaction-cases.ts';
import { watchCases } from './xenstore-watch-cases.ts';
import { watchRightsCases } from './xenstore-watch-rights-cases.ts';
import type { SuiteTest } from './hypervisor-suite.ts';

/** Every case, in the order of the themes. */
export const XENSTORE_CASES: readonly StoreCase[] = [
  ...nodeCases,
  ...pathCases,
  ...permissionCases,
  ...transactionCases,
  ...conflictCases,
  ...watchCases,
  ...watchRightsCases,
  ...domainCases,
  ...domainDeathCases,
  ...quotaCases,
  ...frameCases,
  ...apiCases,
];

/** What the suite runs on. */
export interface XenStoreSuiteOptions {
  readonly test: SuiteTest;
  /** A fresh xenstored for one case, which disposes of it. */
  readonly open: () => Awaitable<StoreHost>;
  /** What is known to differ, and what is left out with the reason, which the report shows. */
  readonly traits: StoreTraits;
}

/** Registers all cases with `test`. */
export function xenStoreSuite({ test, open, traits }: XenStoreSuiteOptions): void {
  for (const { name, run } of XENSTORE_CASES) {
    const reason = traits.leftOut.find(([names]) => names.test(name))?.[1];
    const body = async (): Promise<void> => {
      await using host = await open();
      const bench = await StoreBench.open(host, traits);
      try {
        await run(bench);
      } finally {
        bench.close();
      }
    };
    if (reason === undefined) test(name, body);
    else test.skip(`${name} (${reason})`, body);
  }
}
