/** Cases about the events that go with verbs: what xenstored tells of domains that come, shut down and go. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOM0, evtchn, type Domid } from '../ids.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { Watch, XenStore } from '../xenstore/xenstore.ts';
import { build, find, pvSpec, withDomain, type Body, type CaseSuite } from './hypervisor-case.ts';

/** All of them. */
export function eventCases({ checkIf, options }: CaseSuite): void {
  const { openStore, kernel } = options;
  const check = checkIf(typeof openStore === 'string' ? openStore : true);
  const withStore =
    (body: (hypervisor: Hypervisor, store: XenStore) => Promise<void>): Body =>
    async (hypervisor) => {
      if (typeof openStore === 'string') return;
      await using store = await openStore();
      await body(hypervisor, store);
    };
  /** A guest that xenstored knows. */
  const introduced = async (
    { hypervisor, store }: { readonly hypervisor: Hypervisor; readonly store: XenStore },
    body: (domid: Domid) => Promise<void>,
  ): Promise<void> =>
    withDomain(hypervisor, {}, async (domid) => {
      const { storeFrame } = await build(hypervisor, domid, pvSpec(kernel));
      await store.introduce(domid, storeFrame, evtchn(1));
      await body(domid);
    });

  check(
    'introducing a domain fires @introduceDomain',
    withStore(async (hypervisor, store) => {
      await using events = await eventsOf(store, '@introduceDomain');
      await introduced({ hypervisor, store }, async (domid) => {
        await events.next();
        assert.equal(await store.isIntroduced(domid), true);
      });
    }),
  );
  check(
    'a domain that shuts down fires @releaseDomain, and is listed with its reason then',
    withStore(async (hypervisor, store) => {
      await introduced({ hypervisor, store }, async (domid) => {
        await using events = await eventsOf(store, '@releaseDomain');
        await hypervisor.shutdown(domid, 'crash');
        await events.next();
        assert.equal((await find(hypervisor, domid)).shutdownReason, 'crash');
      });
    }),
  );
  check(
    'a domain that is destroyed fires @releaseDomain, and is no longer introduced then',
    withStore(async (hypervisor, store) => {
      await using events = await eventsOf(store, '@releaseDomain');
      let seen: Domid = DOM0;
      await introduced({ hypervisor, store }, async (domid) => {
        seen = domid;
      });
      await events.next();
      assert.equal(await hypervisor.findDomain(seen), undefined);
      assert.equal(await store.isIntroduced(seen), false);
    }),
  );
}

const EVENT_MS = 20_000;

/** Events after the first one, which every watch has. */
async function eventsOf(
  store: XenStore,
  path: string,
): Promise<AsyncDisposable & { next(): Promise<void> }> {
  const watch: Watch = await store.watch(path);
  const events = watch[Symbol.asyncIterator]();
  const stop = new AbortController();
  // The timer also keeps the process alive, which an idle connection does not.
  const next = async (): Promise<void> => {
    const late = sleep(EVENT_MS, undefined, { signal: stop.signal }).then(() =>
      assert.fail(`no event of ${path} came`),
    );
    await Promise.race([events.next(), late.catch(rethrowUnlessAborted)]);
  };
  await next();
  return {
    next,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watch[Symbol.asyncDispose]();
    },
  };
}

function rethrowUnlessAborted(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
