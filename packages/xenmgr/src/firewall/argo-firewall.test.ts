import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { VmLife } from '../life/life.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { ArgoFirewall } from './argo-firewall.ts';

const A = '11111111-0000-4000-8000-00000000000a';
const B = '11111111-0000-4000-8000-00000000000b';

let around: FakeAround;
let firewall: ArgoFirewall;
let domids: Map<string, number>;

beforeEach(async () => {
  around = await fakeAround();
  domids = new Map();
  around.programs.play('viptables', () => '');
  const life: Pick<VmLife, 'domid'> = { domid: (uuid) => domids.get(uuid) ?? -1 };
  const store = {
    find: async (node: string) => around.nodes.get(node),
    write: async (node: string, text: string) => void around.nodes.set(node, text),
  };
  firewall = new ArgoFirewall({ ...around, host: { store } as never }, () => life as VmLife);
  await addRules(A, 'myself -> 0:5000');
});
afterEach(async () => {
  await firewall[Symbol.asyncDispose]();
  await around[Symbol.asyncDispose]();
});

async function addRules(uuid: string, ...rules: readonly string[]): Promise<void> {
  await around.database.transact((draft) => {
    rules.forEach((rule, at) => draft.write(`/vm/${uuid}/argo-firewall-rules/${String(at)}`, rule));
  });
}

function newLines(): readonly string[] {
  const lines = around.programs.linesOf('viptables');
  around.programs.runs.length = 0;
  return lines;
}

const TO = '--dom-in 3 --dom-out 0 --port-out 5000 -j ACCEPT';
const BACK = '--dom-in 0 --dom-out 3 --port-in 5000 -j ACCEPT';

async function startVm(uuid: string, domid: number): Promise<void> {
  domids.set(uuid, domid);
  await firewall.part.domainMade?.(uuid, domid, new AbortController().signal);
}

describe('the Argo firewall', () => {
  test('takes the filter over with everything open until its rules are there', async () => {
    domids.set(A, 3);
    await firewall.start();
    expect(newLines()).toEqual([
      ...['-F', '-A -j ACCEPT', `-I 1 ${TO}`, `-I 1 ${BACK}`],
      ...['-A --dom-in 0 --dom-out 0 -j ACCEPT', '-A -j REJECT', '-D -j ACCEPT'],
    ]);
  });

  test('opens the difference when a VM comes, tells its device model, and closes it when it goes', async () => {
    await firewall.start();
    newLines();
    await startVm(A, 3);
    expect(newLines()).toEqual([`-I 1 ${TO}`, `-I 1 ${BACK}`]);
    expect(around.nodes.get('/local/domain/3/v4v-firewall-ready')).toBe('1');
    await startVm(B, 4);
    expect(newLines()).toEqual([]);
    domids.delete(A);
    await firewall.part.gone?.(A, 3);
    expect(newLines()).toEqual([`-D ${TO}`, `-D ${BACK}`]);
  });

  test('applies a rule at once when it is added or removed', async () => {
    await firewall.start();
    await startVm(A, 3);
    newLines();
    await addRules(A, 'myself -> 0:6000');
    await firewall.sync();
    expect(newLines()).toEqual([
      ...[`-D ${TO}`, `-D ${BACK}`],
      ...['-I 1 --dom-in 3 --dom-out 0 --port-out 6000 -j ACCEPT'],
      ...['-I 1 --dom-in 0 --dom-out 3 --port-in 6000 -j ACCEPT'],
    ]);
  });

  test('opens the way of a stub domain once that exists', async () => {
    await firewall.start();
    await addRules(A, 'my-stubdom -> 0');
    await startVm(A, 3);
    newLines();
    around.nodes.set('/local/domain/3/image/device-model-domid', '9');
    await firewall.part.created?.(A, 3, new AbortController().signal);
    expect(newLines()).toEqual([
      '-I 1 --dom-in 9 --dom-out 0 -j ACCEPT',
      '-I 1 --dom-in 0 --dom-out 9 -j ACCEPT',
    ]);
  });

  test('says once that the tool is not there, and tries no more', async () => {
    around.programs.remove('viptables');
    await firewall.start();
    await startVm(A, 3);
    expect(newLines()).toEqual(['-F']);
    expect(around.lines.filter((line) => line.includes('have no effect'))).toHaveLength(1);
    expect(around.nodes.get('/local/domain/3/v4v-firewall-ready')).toBe('1');
  });

  test('does nothing when it is switched off', async () => {
    await around.database.transact((draft) => draft.write('/xenmgr/argo-firewall', 'false'));
    await firewall.start();
    await startVm(A, 3);
    expect(newLines()).toEqual([]);
  });

  test('tries again with the next change what the filter did not take', async () => {
    await firewall.start();
    around.programs.play('viptables', () => {
      throw new Error('busy');
    });
    await startVm(A, 3);
    around.programs.play('viptables', () => '');
    newLines();
    await firewall.sync();
    expect(newLines()).toEqual([`-I 1 ${TO}`, `-I 1 ${BACK}`]);
  });
});
