import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NO_PEERS } from '../life/life-fakes.test-helper.ts';
import type { VmLife } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import type { NetworkPeer, Peers } from '../peers/peers.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { networkPart } from './network-part.ts';
import { networksOf } from './networks.ts';

const CARRIER = '11111111-0000-4000-8000-00000000000c';
let around: FakeAround;
let domids: Map<string, number>;
let calls: string[];
beforeEach(async () => {
  around = await fakeAround();
  domids = new Map();
  calls = [];
});
afterEach(async () => around[Symbol.asyncDispose]());

async function addVm(nic: Readonly<Record<string, string>>): Promise<void> {
  await around.database.transact((draft) => {
    draft.inject('/vm/a', JSON.stringify({ config: { nic: { 0: { id: '0', ...nic } } } }));
    draft.inject(`/vm/${CARRIER}`, '{"provides-network-backend": "true", "name": "Net"}');
  });
}

function part(network: Partial<NetworkPeer> = {}): ReturnType<typeof networkPart> {
  const peers: Peers = { ...NO_PEERS, network: { ...NO_PEERS.network, ...network } };
  const store = {
    find: async (node: string) => around.nodes.get(node),
    write: async (node: string, text: string) => void around.nodes.set(node, text),
    directory: async (node: string) => (node.endsWith('/vif') ? ['0'] : []),
  };
  const monitors = {
    call: async (uuid: string, task: string, args: object) =>
      void calls.push(`${uuid} ${task} ${Object.values(args).join(' ')}`),
  };
  return networkPart(
    { ...around, peers, monitors, host: { store } } as unknown as Surroundings,
    () => ({ domid: (uuid: string) => domids.get(uuid) ?? -1 }) as unknown as VmLife,
  );
}

describe('the networks of a VM', () => {
  test('are bridges of Dom0 without a network daemon, by name of old, by table, or by their own', async () => {
    const names = ['brbridged', '/wired/7/bridged', 'xenbr0', '/unknown/x'];
    await around.database.transact((draft) => {
      names.forEach((network, at) =>
        draft.write(`/vm/a/config/nic/${String(at)}/network`, network),
      );
      draft.write('/xenmgr/bridges/_wired_7_bridged', 'br7');
    });
    const found = await networksOf({ database: around.database, peers: NO_PEERS }, 'a');
    expect([...found].map(([path, { bridge }]) => [path, bridge])).toEqual([
      ['/wired/0/bridged', 'brbridged'],
      ['/wired/7/bridged', 'br7'],
      ['xenbr0', 'xenbr0'],
    ]);
  });

  test('are refused while the daemon is not ready', async () => {
    await addVm({});
    const daemon = { isPresent: async () => true, isInitialized: async () => false };
    await expect(part(daemon).check?.('a')).rejects.toMatchObject({ code: 'NETWORK_NOT_READY' });
  });

  test('need the VM that the interface names, and only while it is enabled', async () => {
    await addVm({ 'backend-name': 'Net' });
    await expect(part().check?.('a')).rejects.toMatchObject({ code: 'NO_NETWORK_BACKEND' });
    domids.set(CARRIER, 5);
    await part().check?.('a');
    const facts = await part().facts?.('a');
    expect([...(facts?.nicBackends ?? [])]).toEqual([[0, 5]]);
    domids.delete(CARRIER);
    await addVm({ 'backend-name': 'Net', enable: 'false' });
    await part().check?.('a');
  });

  test('can be carried by Dom0 by name of its uuid', async () => {
    await addVm({ 'backend-uuid': '00000000-0000-0000-0000-000000000000' });
    await part().check?.('a');
    expect([...((await part().facts?.('a'))?.nicBackends ?? [])]).toEqual([[0, 0]]);
  });

  test('go on with the new domain of their carrier, and are cut when it ends', async () => {
    await addVm({ 'backend-uuid': CARRIER });
    domids.set('a', 3);
    await part().running?.(CARRIER, 9);
    expect(calls).toEqual(['a set-nic-backend-dom 0 9']);
    around.nodes.set('/local/domain/3/device/vif', '');
    around.nodes.set('/local/domain/3/device/vif/0/backend-id', '9');
    await part().gone?.(CARRIER, 9);
    expect(around.nodes.get('/local/domain/3/device/vif/0/disconnect')).toBe('1');
  });
});
