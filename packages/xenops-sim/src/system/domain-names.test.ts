import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDomain, destroyDomain, domainNames } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { WireClient } from '@xenops/core/xenstore';
import { vmPath } from '@xenops/core/xenstore/path';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { settle } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { inProcessConnector } from '../xenstored/in-process.ts';
import { hostOf } from './whole-host.test-helper.ts';

const TAKEN = { code: 'DOMAIN_NAME_TAKEN' };
const MINUTE_MS = 60_000;

let sim: SimHost;
let host: Host;
let clock: VirtualClock;

beforeEach(async () => {
  clock = new VirtualClock();
  sim = await createSimHost({ clock });
  host = hostOf(sim);
});
afterEach(async () => {
  await sim[Symbol.asyncDispose]();
});

const make = (name: string, uuid = randomVmUuid()): Promise<Domid> =>
  createDomain(host, { uuid, guestType: 'pv', name, maxVcpus: 1 });

/** As xl renames a domain. */
async function rename(domid: Domid, name: string): Promise<void> {
  const info = await host.hypervisor.findDomain(domid);
  await host.store.transaction(async (tree) => {
    await tree.write(`/local/domain/${domid}/name`, name);
    if (info !== undefined) await tree.write(vmPath(info.uuid, 'name'), name);
  });
}

const names = async (): Promise<readonly (string | undefined)[]> =>
  domainNames(host, await host.hypervisor.listDomains());

test('a name is taken as long as the domain that has it is there', async () => {
  const first = await make('one');
  await make('two');
  await expect(make('one')).rejects.toMatchObject(TAKEN);
  await destroyDomain(host, first, { timeoutMs: 10_000, clock });
  await make('one');
  expect((await names()).slice(1).sort()).toEqual(['one', 'two']);
});

test("Dom0's is always taken", async () => {
  await expect(make('Domain-0')).rejects.toMatchObject(TAKEN);
});

test('a domain that somebody renames has its new name, and its old one is free', async () => {
  const domid = await make('before');
  await make('other');
  await rename(domid, 'after');
  await expect(make('after')).rejects.toMatchObject(TAKEN);
  await make('before');
});

test('a renaming is heard of after a minute without a question as well', async () => {
  const domid = await make('before');
  await make('other');
  clock.advance(2 * MINUTE_MS);
  await rename(domid, 'between');
  await settle();
  await rename(domid, 'after');
  expect(await names()).toEqual(['Domain-0', 'after', 'other']);
  await expect(make('after')).rejects.toMatchObject(TAKEN);
});

test('a renaming while the connection was lost is heard of when it is back', async () => {
  const connect = inProcessConnector(sim.control.xenstored);
  const losses: (() => void)[] = [];
  await using store = new WireClient(
    async (handlers) => {
      const transport = await connect(handlers);
      losses.push(() => {
        transport.close();
        handlers.onClose();
      });
      return transport;
    },
    { clock },
  );
  const domid = await make('before');
  const listed = await host.hypervisor.listDomains();
  const lossy = { ...host, store, hypervisor: { ...host.hypervisor } };
  expect(await domainNames(lossy, listed)).toEqual(['Domain-0', 'before']);
  losses[0]?.();
  await rename(domid, 'after');
  clock.advance(MINUTE_MS);
  await settle();
  expect(await domainNames(lossy, listed)).toEqual(['Domain-0', 'after']);
});
