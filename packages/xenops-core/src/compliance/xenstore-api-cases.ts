/** The `XenStore` interface: what its methods make of answers, and how it ends. */
import assert from 'node:assert/strict';
import { hasCode, type ErrorCode } from '../errors.ts';
import { domid, evtchn } from '../ids.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import type { StoreBench, StoreCase } from './xenstore-case.ts';

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => hasCode(error, code);
}

/** A case that works with an open store. */
function onStore(
  name: string,
  body: (store: XenStore, bench: StoreBench) => Promise<void>,
): StoreCase {
  return {
    name: `XenStore: ${name}`,
    async run(bench) {
      await using store = await bench.host.openStore();
      await body(store, bench);
    },
  };
}

const SEVEN = domid(7);

/** Cases of the theme "api". */
export const apiCases: readonly StoreCase[] = [
  onStore('text goes in and comes out as UTF-8', async (store) => {
    await store.write('/a', 'gr\u00fc\u00df dich \u20ac');
    assert.equal(await store.read('/a'), 'gr\u00fc\u00df dich \u20ac');
  }),
  onStore('bytes go in and come out as they are', async (store) => {
    const bytes = Uint8Array.of(0, 255, 10, 0);
    await store.write('/a', bytes);
    assert.deepEqual(Uint8Array.from(await store.readBytes('/a')), bytes);
  }),
  onStore('bytes that are no UTF-8 come out of read as U+FFFD', async (store) => {
    await store.write('/a', Uint8Array.of(0x61, 0xff));
    assert.equal(await store.read('/a'), 'a\ufffd');
  }),
  onStore('find gives undefined for what is not there, read an error', async (store) => {
    assert.equal(await store.find('/none'), undefined);
    await assert.rejects(store.read('/none'), withCode('XENSTORE_NO_ENTRY'));
    await assert.rejects(store.directory('/none'), withCode('XENSTORE_NO_ENTRY'));
  }),
  onStore('removing what is not there succeeds, with its parent or without', async (store) => {
    await store.rm('/none');
    await store.rm('/none/below');
  }),
  onStore('a directory longer than a message is listed whole', async (store) => {
    const names = Array.from({ length: 300 }, (_, index) => `a-name-of-some-length-${index}`);
    await store.transaction(async (tree) => {
      for (const name of names) await tree.write(`/long/${name}`, '');
    });
    assert.deepEqual([...(await store.directory('/long'))].sort(), names.sort());
  }),
  onStore('permissions come back as they were set', async (store, bench) => {
    await bench.guest(7);
    await store.write('/a', '');
    await store.setPermissions('/a', ownedBy(domid(0), SEVEN));
    assert.deepEqual(await store.getPermissions('/a'), ownedBy(domid(0), SEVEN));
  }),
  onStore('a transaction is seen as a whole', async (store, { dom0 }) => {
    const result = await store.transaction(async (tree) => {
      await tree.write('/a', '1');
      assert.equal(await dom0.read('/a'), 'ENOENT');
      return 42;
    });
    assert.equal(result, 42);
    assert.equal(await dom0.read('/a'), '1');
  }),
  onStore('a transaction whose body throws changes nothing', async (store, { dom0 }) => {
    const failure = new Error('the body fails');
    const body = async (): Promise<never> => {
      throw failure;
    };
    await assert.rejects(
      store.transaction(async (tree) => {
        await tree.write('/a', '1');
        await body();
      }),
      (error) => error === failure,
    );
    assert.equal(await dom0.read('/a'), 'ENOENT');
  }),
  onStore('a transaction in conflict is repeated until it holds', async (store, { dom0 }) => {
    await store.write('/count', '1');
    let attempts = 0;
    await store.transaction(async (tree) => {
      const count = Number(await tree.read('/count'));
      attempts += 1;
      if (attempts === 1) await dom0.write('/count', '10');
      await tree.write('/count', String(count + 1));
    });
    assert.deepEqual([attempts, await store.read('/count')], [2, '11']);
  }),
  onStore(
    'a transaction always in conflict ends with XENSTORE_CONFLICT',
    async (store, { dom0 }) => {
      await store.write('/a', '');
      const interfere = store.transaction(
        async (tree) => {
          await tree.write('/b', await tree.read('/a'));
          await dom0.write('/a', `${await dom0.read('/a')}x`);
        },
        { attempts: 2 },
      );
      await assert.rejects(interfere, withCode('XENSTORE_CONFLICT'));
    },
  ),
  onStore('a watch tells at once, then of each change', async (store, { dom0 }) => {
    await using watch = await store.watch('/a');
    const events = watch[Symbol.asyncIterator]();
    assert.deepEqual((await events.next()).value, { kind: 'changed', path: '/a' });
    await dom0.write('/a/b', '');
    assert.deepEqual((await events.next()).value, { kind: 'changed', path: '/a/b' });
  }),
  onStore('special watches tell of domains', async (store, bench) => {
    await using watch = await store.watch('@introduceDomain');
    const events = watch[Symbol.asyncIterator]();
    await events.next();
    await bench.host.setDomain(7, 'alive');
    await store.introduce(SEVEN, 1n, evtchn(5));
    assert.deepEqual((await events.next()).value, { kind: 'changed', path: '@introduceDomain' });
  }),
  onStore('domains are introduced, resumed and released', async (store, bench) => {
    await bench.host.setDomain(7, 'alive');
    assert.equal(await store.isIntroduced(SEVEN), false);
    await store.introduce(SEVEN, 1n, evtchn(5));
    assert.equal(await store.isIntroduced(SEVEN), true);
    await store.resume(SEVEN);
    await store.release(SEVEN);
    assert.equal(await store.isIntroduced(SEVEN), false);
    assert.equal(await store.getDomainPath(SEVEN), '/local/domain/7');
  }),
  onStore('a malformed path fails with its name, here and not at the daemon', async (store) => {
    await assert.rejects(store.read('/a//b'), withCode('PROTOCOL_LOCAL'));
    await assert.rejects(store.write('relative/', ''), withCode('PROTOCOL_LOCAL'));
  }),
  onStore('requests side by side are answered each with its own', async (store) => {
    const paths = Array.from({ length: 100 }, (_, index) => `/n/${index}`);
    await Promise.all(paths.map((path) => store.write(path, path)));
    assert.deepEqual(await Promise.all(paths.map((path) => store.read(path))), paths);
  }),
  onStore('after disposal every request fails with XENSTORE_CLOSED', async (store) => {
    await store.read('/');
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.read('/'), withCode('XENSTORE_CLOSED'));
    await assert.rejects(store.watch('/'), withCode('XENSTORE_CLOSED'));
    await assert.rejects(
      store.transaction(async () => undefined),
      withCode('XENSTORE_CLOSED'),
    );
  }),
];
