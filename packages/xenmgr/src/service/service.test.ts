/** The manager as a service: who may call it, what its policies forbid, what it tells. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { domid as checkedDomid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import { connectBus, DbusError, type InterfaceDescription } from '@xenops/rpcgen/runtime';
import { agentBusName } from '../peers/bus-peers.ts';
import { devicePath, diskPath, nicPath, vmPath } from '../objects/paths.ts';
import { IS_BUILT, ManagerBench, type Heard } from '../testing/manager-bench.test-helper.ts';
import { MANAGER_BUS_NAME } from './start-manager.ts';

const describeBuilt = IS_BUILT ? describe : describe.skip;
jest.setTimeout(60_000);

const XENMGR = 'com.citrix.xenclient.xenmgr';
const VM = `${XENMGR}.vm`;
const UNRESTRICTED = `${VM}.unrestricted`;
const A = '11111111-0000-4000-8000-00000000000a';
const B = '11111111-0000-4000-8000-00000000000b';

let bench: ManagerBench;
beforeAll(async () => {
  if (IS_BUILT) bench = await ManagerBench.open();
});
afterAll(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});
afterEach(async () => {
  if (!IS_BUILT) return;
  bench.accessRule = async () => true;
  await bench.database.transact((draft) => {
    for (const path of ['/vm', '/dom-store', '/vm-create-disallowed', '/vm-delete-disallowed'])
      draft.rm(path);
  });
  await bench.settle();
  bench.heard.length = 0;
  bench.log.length = 0;
});

const root = (member: string, ...args: readonly unknown[]): Promise<unknown> =>
  bench.call({ path: '/', interface: XENMGR, member }, args);
const on = (
  path: string,
  owner: string,
  member: string,
  ...args: readonly unknown[]
): Promise<unknown> => bench.call({ path, interface: owner, member }, args);
const vm = (member: string, ...args: readonly unknown[]): Promise<unknown> =>
  on(vmPath(A), VM, member, ...args);
const heard = (member: string): readonly Heard[] =>
  bench.heard.filter((signal) => signal.member === member);
const failure = (name: string): unknown =>
  expect.objectContaining({ errorName: `${XENMGR}.Error.${name}` });

describeBuilt('a caller', () => {
  test('that is neither root nor in the group is refused everything, before it is looked at', async () => {
    await bench.addVm(A);
    // Its rights are asked for once for each connection.
    bench.accessRule = async () => false;
    await bench.stop();
    await bench.start();
    const denied = { errorName: 'org.freedesktop.DBus.Error.AccessDenied' };
    await expect(root('list_vms')).rejects.toMatchObject(denied);
    await expect(vm('set_db_key', 'name', 'x')).rejects.toMatchObject(denied);
    await expect(bench.get(vmPath(A), VM, 'name')).rejects.toMatchObject(denied);
    await expect(bench.set(vmPath(A), VM, 'name', 'x')).rejects.toMatchObject(denied);
    await expect(bench.getAll('/host', `${XENMGR}.host`)).rejects.toMatchObject(denied);
    await expect(on('/', 'com.citrix.xenclient.db', 'read', '/vm')).rejects.toMatchObject(denied);
    bench.accessRule = async () => true;
    await bench.stop();
    await bench.start();
  });

  test('that changes something leaves one line in the log, without values', async () => {
    await bench.addVm(A);
    await vm('set_db_key', 'secret', 'hunter2');
    await bench.set(vmPath(A), VM, 'description', 'hunter2');
    await vm('get_db_key', 'secret');
    await expect(vm('add_argo_firewall_rule', 'hunter2')).rejects.toThrow();
    const audit = bench.log.filter((line) => line.includes('audit'));
    expect(audit).toEqual([
      expect.stringMatching(/uid 0.*\.vm\.set_db_key of \/vm\/.*: done/),
      expect.stringMatching(/Properties\.Set|\.vm\.Set description of .*: done/),
      expect.stringMatching(/add_argo_firewall_rule of .*: refused or failed/),
    ]);
    expect(audit.slice(0, 2).join()).not.toContain('hunter2');
  });
});

describeBuilt('the policy of a VM', () => {
  const disk =
    (member: string, ...args: readonly unknown[]) =>
    () =>
      on(diskPath(A, 0), 'com.citrix.xenclient.vmdisk', member, ...args);
  const pci =
    (member: string, ...args: readonly unknown[]) =>
    () =>
      on(vmPath(A), `${VM}.pci`, member, ...args);
  const PATHS: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['add_disk', () => vm('add_disk')],
    ['add_nic', () => vm('add_nic')],
    ['set_db_key', () => vm('set_db_key', 'config.memory', '1')],
    ['add_argo_firewall_rule', () => vm('add_argo_firewall_rule', '* -> 0')],
    ['delete_argo_firewall_rule', () => vm('delete_argo_firewall_rule', '* -> 0')],
    ['add_net_firewall_rule', () => vm('add_net_firewall_rule', 1, 'in', '', '')],
    ['delete_net_firewall_rule', () => vm('delete_net_firewall_rule', 1)],
    ['attach_phy', disk('attach_phy', '/dev/x')],
    ['attach_vhd', disk('attach_vhd', '/x')],
    ['generate_crypto_key', disk('generate_crypto_key', 256)],
    ['generate_crypto_key_in', disk('generate_crypto_key_in', 256, '/x')],
    ['delete of a disk', disk('delete')],
    ['delete of a NIC', () => on(nicPath(A, 0), 'com.citrix.xenclient.vmnic', 'delete')],
    ['add_pt_rule', pci('add_pt_rule', '', '', '')],
    ['add_pt_rule_bdf', pci('add_pt_rule_bdf', '0000:00:02.0')],
    ['delete_pt_rule', pci('delete_pt_rule', '', '', '')],
    ['delete_pt_rule_bdf', pci('delete_pt_rule_bdf', '0000:00:02.0')],
    [
      'set_product_property',
      () => on(vmPath(A), `${VM}.product`, 'set_product_property', 'p', '1'),
    ],
    ['a property', () => bench.set(vmPath(A), VM, 'name', 'x')],
    ['a network', () => bench.set(vmPath(A), VM, 'wired-network', '/wired/1/bridged')],
    ['a CD', () => bench.set(vmPath(A), VM, 'cd', 'x.iso')],
    [
      'a property of a disk',
      () => bench.set(diskPath(A, 0), 'com.citrix.xenclient.vmdisk', 'mode', 'r'),
    ],
    [
      'a property of a NIC',
      () => bench.set(nicPath(A, 0), 'com.citrix.xenclient.vmnic', 'mac', 'auto'),
    ],
  ];

  test.each(PATHS)('forbids %s, and nothing is changed', async (_what, act) => {
    await bench.addVm(A, {
      ...{ 'policies/modify-vm-settings': 'false', 'config/disk/0/type': 'vhd' },
      ...{ 'config/nic/0/id': '0', 'productproperty/p/key': 'p' },
    });
    const before = bench.database.view().dump(`/vm/${A}`);
    await expect(act()).rejects.toEqual(failure('ForbiddenByVmPolicy'));
    expect(bench.database.view().dump(`/vm/${A}`)).toBe(before);
  });

  test('of the host forbids creation and deletion, but not the unrestricted ones', async () => {
    await bench.addVm(A);
    await bench.set('/', `${XENMGR}.config`, 'vm-creation-allowed', false);
    await bench.set('/', `${XENMGR}.config`, 'vm-deletion-allowed', false);
    await expect(root('create_vm')).rejects.toEqual(failure('ForbiddenByHostPolicy'));
    await expect(vm('delete')).rejects.toEqual(failure('ForbiddenByHostPolicy'));
    await expect(vm('create_child_service_vm', 'x')).rejects.toThrow();
    const made = await on('/', `${XENMGR}.unrestricted`, 'unrestricted_create_vm');
    expect(await root('list_vms')).toEqual(expect.arrayContaining([made]));
    await on('/', `${XENMGR}.unrestricted`, 'unrestricted_delete_vm', A);
  });
});

describeBuilt('creating a VM', () => {
  test('gives out slots 1 to 9, then fails, and a free one is used again', async () => {
    for (let at = 0; at < 9; at += 1) await root('create_vm');
    await expect(root('create_vm')).rejects.toEqual(failure('TooManyVms'));
    await root('create_vm_with_template_and_json', 'new-vm', '{"slot": "0"}');
    const slots = bench.database
      .view()
      .list('/vm')
      .map((uuid) => bench.database.view().read(`/vm/${uuid}/slot`));
    expect(slots.sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  test('at the same time gives each its own slot', async () => {
    await Promise.all(Array.from({ length: 9 }, async () => root('create_vm')));
    const view = bench.database.view();
    const slots = view.list('/vm').map((uuid) => view.read(`/vm/${uuid}/slot`));
    expect(new Set(slots).size).toBe(9);
  });

  test('with a uuid that is taken, or none, is refused and changes nothing', async () => {
    await bench.addVm(A);
    const before = bench.database.view().dump(`/vm/${A}`);
    const create = (uuid: string): Promise<unknown> =>
      root('create_vm_with_template_and_uuid', 'new-vm', uuid);
    await expect(create(A)).rejects.toEqual(failure('BadValue'));
    await expect(create(A.toUpperCase())).rejects.toEqual(failure('BadValue'));
    await expect(create('../../x')).rejects.toEqual(failure('BadValue'));
    expect(bench.database.view().dump(`/vm/${A}`)).toBe(before);
  });

  test('whose hook fails leaves nothing, and tells nobody', async () => {
    bench.programs.play('/bin/false', () => {
      throw new Error('no');
    });
    const json = JSON.stringify({ uuid: A, 'run-post-create': '/bin/false' });
    await expect(root('create_vm_with_template_and_json', '', json)).rejects.toThrow();
    expect(bench.database.view().exists(`/vm/${A}`)).toBe(false);
    await bench.settle();
    expect(heard('vm_created')).toEqual([]);
    await expect(bench.introspect(vmPath(A))).rejects.toThrow('There is no object');
  });

  test('keeps what only a template has a use for out of the VM', async () => {
    const path = String(await root('create_vm_with_template', 'new-vm-linux'));
    const uuid = path.slice('/vm/'.length).replaceAll('_', '-');
    const view = bench.database.view();
    expect(view.exists(`/vm/${uuid}/ui-selectable`)).toBe(false);
    expect(view.read(`/vm/${uuid}/seamless-id`)).toBe(uuid);
  });
});

describeBuilt('deleting a VM', () => {
  test('whose hook fails leaves it as it is', async () => {
    bench.programs.play('/bin/false', () => {
      throw new Error('no');
    });
    await bench.addVm(A, { 'run-pre-delete': '/bin/false' });
    await expect(vm('delete')).rejects.toThrow();
    expect(await root('list_vms')).toEqual([vmPath(A)]);
  });

  test('takes its objects off the bus, and one made anew with its uuid works', async () => {
    await bench.addVm(A, { 'config/disk/0/type': 'vhd', 'config/nic/0/id': '0' });
    expect(await bench.introspect(diskPath(A, 0))).toContain('vmdisk');
    await vm('delete');
    for (const path of [vmPath(A), diskPath(A, 0), nicPath(A, 0), devicePath(A, 0)]) {
      await expect(bench.getAll(path, VM)).rejects.toMatchObject({
        errorName: 'org.freedesktop.DBus.Error.UnknownObject',
      });
    }
    await root('create_vm_with_template_and_uuid', 'new-vm-empty', A);
    expect(await bench.get(vmPath(A), VM, 'state')).toBe('stopped');
    await bench.until(() => heard('vm_created').length === 1);
    expect(heard('vm_deleted')).toHaveLength(1);
  });
});

describeBuilt('a slot that is set', () => {
  test('is taken from whoever has it, who gets the former one', async () => {
    await bench.addVm(A, { slot: '1' });
    await bench.addVm(B, { slot: '2' });
    await bench.set(vmPath(A), VM, 'slot', 2);
    expect(await bench.get(vmPath(A), VM, 'slot')).toBe(2);
    expect(await bench.get(vmPath(B), VM, 'slot')).toBe(1);
  });
});

describeBuilt('what changes', () => {
  test('is told once on each interface of a VM, however it got there', async () => {
    await bench.addVm(A);
    await bench.settle();
    bench.heard.length = 0;
    const told = (): readonly unknown[] =>
      heard('PropertiesChanged').map(({ args: [owner, values] }) => [
        owner,
        [...(values as Map<string, unknown>).keys()].sort(),
      ]);
    await bench.set(vmPath(A), VM, 'description', 'one');
    await bench.until(() => heard('PropertiesChanged').length >= 2);
    await bench.settle();
    expect(told()).toEqual([
      [VM, ['description']],
      [UNRESTRICTED, ['description']],
    ]);
    bench.heard.length = 0;
    await on('/', 'com.citrix.xenclient.db', 'write', `/vm/${A}/config/memory`, '77');
    await bench.until(() => heard('PropertiesChanged').length >= 2);
    await bench.settle();
    const names = ['memory', 'memory-min', 'memory-static-max'];
    expect(told()).toEqual([
      [VM, names],
      [UNRESTRICTED, names],
    ]);
    bench.heard.length = 0;
    await bench.set(vmPath(A), VM, 'memory', 77);
    await bench.settle();
    expect(told()).toEqual([]);
  });

  test('of the manager itself is told once', async () => {
    await bench.set('/', `${XENMGR}.config`, 'iso-path', '/isos');
    await bench.until(() => heard('config_changed').length > 0);
    await bench.settle();
    expect(heard('PropertiesChanged')).toHaveLength(1);
    expect(heard('config_changed')).toHaveLength(1);
  });

  test('shows as objects that come and go, in the signals of the object manager', async () => {
    await bench.addVm(A);
    await vm('add_disk');
    await bench.until(() =>
      heard('InterfacesAdded').some(({ args: [path] }) => path === diskPath(A, 0)),
    );
    await on(diskPath(A, 0), 'com.citrix.xenclient.vmdisk', 'delete');
    await bench.until(() =>
      heard('InterfacesRemoved').some(({ args: [path] }) => path === diskPath(A, 0)),
    );
    const target = { path: '/', interface: 'org.freedesktop.DBus.ObjectManager' };
    const call = { ...target, member: 'GetManagedObjects', input: '', output: 'a{oa{sa{sv}}}' };
    const [objects] = await bench.client.call({ destination: MANAGER_BUS_NAME, ...call }, []);
    expect([...(objects as Map<string, unknown>).keys()].sort()).toEqual(['/host', vmPath(A)]);
  });

  test('as a disk with a raw key is an object at once', async () => {
    await bench.addVm(A);
    await vm('set_db_key', 'config.disk.4.type', 'vhd');
    expect(await vm('list_disks')).toEqual([diskPath(A, 4)]);
    expect(await bench.get(diskPath(A, 4), 'com.citrix.xenclient.vmdisk', 'phys-type')).toBe('vhd');
  });
});

describeBuilt('raw keys', () => {
  test.each(['', '.', '...'])('%j is none', async (key) => {
    await bench.addVm(A);
    await expect(vm('set_db_key', key, 'x')).rejects.toEqual(failure('BadValue'));
  });

  test('cannot change the uuid, nor climb out of the VM', async () => {
    await bench.addVm(A);
    await expect(vm('set_db_key', 'uuid', B)).rejects.toEqual(failure('BadValue'));
    await vm('set_db_key', '/../../demo', 'x').catch(() => undefined);
    expect(bench.database.view().exists('/demo')).toBe(false);
  });
});

describeBuilt('the CD of a VM', () => {
  const drive = {
    'config/disk/5/device': 'hdc',
    'config/disk/5/devtype': 'cdrom',
    'config/disk/5/type': 'file',
  };

  test('is changed in its drive, and disks keep their numbers', async () => {
    await bench.addVm(A, { ...drive, 'config/disk/2/device': 'hda' });
    await bench.set(vmPath(A), VM, 'cd', 'tools.iso');
    expect(await vm('list_disks')).toEqual([diskPath(A, 2), diskPath(A, 5)]);
    expect(await bench.get(vmPath(A), VM, 'cd')).toBe('tools.iso');
    await expect(bench.set(vmPath(A), VM, 'cd', '../x')).rejects.toEqual(failure('BadValue'));
  });

  test('needs a drive, and no new disk becomes one', async () => {
    await bench.addVm(A);
    await expect(bench.set(vmPath(A), VM, 'cd', 'x.iso')).rejects.toEqual(failure('NoSuchDisk'));
    for (let at = 0; at < 3; at += 1) await vm('add_disk');
    const names = [0, 1, 2].map((id) =>
      bench.database.view().read(`/vm/${A}/config/disk/${String(id)}/device`),
    );
    expect(names).toEqual(['hda', 'hdb', 'hdd']);
  });
});

describeBuilt('somebody on the bus', () => {
  test('cannot switch the host off with a signal that others send', async () => {
    await using stranger = await connectBus({ address: bench.busAddress, timeoutMs: 10_000 });
    const power = 'com.citrix.xenclient.xcpmd';
    const button = stranger.objects.export<Record<string, readonly unknown[]>, object>(
      '/',
      DESCRIPTION,
      {},
    );
    button.emit('power_button_pressed');
    await stranger.call(PING, []);
    await bench.settle();
    expect(heard('state_changed')).toEqual([]);
    await stranger.requestName(power);
    button.emit('power_button_pressed');
    await bench.until(() => heard('state_changed').length === 2);
    expect(heard('state_changed').map(({ args: [state] }) => state)).toEqual([
      'shutdowning',
      'idle',
    ]);
  });

  test('asks for attention as a guest only by the name of its agent, and not too often', async () => {
    await bench.addVm(A);
    await vm('start');
    const ask = (): Promise<unknown> => on('/', `${XENMGR}.guestreq`, 'request_attention');
    await ask();
    await bench.client.requestName(agentBusName(A));
    for (let at = 0; at < 5; at += 1) await ask();
    await bench.until(() => heard('requested_attention').length > 0);
    await bench.settle();
    expect(heard('requested_attention').map(({ args }) => args)).toEqual([[A, vmPath(A)]]);
    await bench.client.releaseName(agentBusName(A));
    await vm('destroy');
  });
});

describeBuilt('the native experience', () => {
  test('goes from one VM to another, and touches no third', async () => {
    const third = '11111111-0000-4000-8000-00000000000c';
    for (const uuid of [A, B, third]) await bench.addVm(uuid);
    await bench.set(vmPath(B), VM, 'native-experience', true);
    const before = bench.database.view().dump(`/vm/${third}`);
    await bench.set(vmPath(A), VM, 'native-experience', true);
    expect(await bench.get(vmPath(A), VM, 'native-experience')).toBe(true);
    expect(await bench.get(vmPath(B), VM, 'native-experience')).toBe(false);
    expect(bench.database.view().dump(`/vm/${third}`)).toBe(before);
  });
});

describeBuilt('a user interface that is ready', () => {
  test('stays that, and has the fallback shown where nothing has the focus', async () => {
    await bench.addVm(A, { 'provides-graphics-fallback': 'true' });
    await vm('start');
    const node = domainPath(checkedDomid(bench.manager.life.domid(A)), 'switcher', 'ready');
    await bench.host.store.write(node, 'true');
    const shown = new Promise<readonly unknown[]>((resolve) => {
      bench.client.objects.export('/', INPUT, {
        methods: {
          get_focus_domid: () => -1,
          switch_focus: (...args: readonly unknown[]) => {
            resolve(args.slice(0, 2));
            return true;
          },
        },
      });
    });
    await bench.client.requestName(INPUT.name);
    await bench.set('/host', `${XENMGR}.host`, 'ui-ready', true);
    expect(await shown).toEqual([bench.manager.life.domid(A), false]);
    await bench.set('/host', `${XENMGR}.host`, 'ui-ready', false);
    expect(await bench.get('/host', `${XENMGR}.host`, 'ui-ready')).toBe(true);
    await bench.client.releaseName(INPUT.name);
    await vm('destroy');
  });
});

describeBuilt('a bad text in the database', () => {
  test('counts as nothing, and the rest of the object is read', async () => {
    await bench.addVm(A, {
      ...{ 'config/memory': 'many', slot: 'x', start_on_boot: 'perhaps', 'config/boot': '' },
      ...{ 'config/nic/0/backend-name': 'Nobody', 'config/nic/x/id': '1' },
    });
    const values = await bench.getAll(vmPath(A), VM);
    expect([values['memory'], values['slot'], values['start-on-boot']]).toEqual([0, 0, false]);
    expect(values['dependencies']).toEqual([]);
  });
});

describeBuilt('a VM that has hibernated', () => {
  test('counts as that until it really runs again', async () => {
    await bench.addVm(A, { hibernated: 'true', 'config/kernel': '/no/such/kernel' });
    await expect(vm('start')).rejects.toThrow();
    expect(await bench.get(vmPath(A), VM, 'hibernated')).toBe(true);
    await bench.set(vmPath(A), VM, 'kernel', bench.kernel);
    await vm('start');
    expect(await bench.get(vmPath(A), VM, 'hibernated')).toBe(false);
    await vm('destroy');
  });
});

describeBuilt('a manager that starts', () => {
  test('removes no file of a running VM, takes it over, and finds its settings', async () => {
    await bench.addVm(A);
    await vm('start');
    const snapshot = path.join(bench.places.disks, 'demo.vhd.snap.tmp.vhd');
    await writeFile(snapshot, '');
    const domid = await bench.get(vmPath(A), VM, 'domid');
    await bench.stop();
    await bench.start();
    expect(await bench.get(vmPath(A), VM, 'domid')).toBe(domid);
    expect(await bench.get(vmPath(A), VM, 'state')).toBe('running');
    await access(snapshot);
    await vm('destroy');
  });
});

describeBuilt('an error', () => {
  test('has a name of its own and the number that clients know', async () => {
    const error: unknown = await root('find_vm_by_domid', 7).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DbusError);
    expect(error).toMatchObject({
      errorName: `${XENMGR}.Error.NotFound`,
      message: expect.stringMatching(/^301:/),
    });
  });
});

const DESCRIPTION: InterfaceDescription = {
  name: 'com.citrix.xenclient.xcpmd',
  xml: '',
  errors: [],
  methods: {},
  signals: { power_button_pressed: '' },
  properties: {},
};
const INPUT: InterfaceDescription = {
  ...{ name: 'com.citrix.xenclient.input', xml: '', errors: [], signals: {}, properties: {} },
  methods: {
    get_focus_domid: { input: '', output: 'i' },
    switch_focus: { input: 'ib', output: 'b' },
  },
};
const PING = {
  ...{ destination: MANAGER_BUS_NAME, path: '/', interface: 'org.freedesktop.DBus.Peer' },
  ...{ member: 'Ping', input: '', output: '' },
};
