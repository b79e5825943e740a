/** Clients that are none of ours drive the whole life of a VM, on an embedded host. Needs the build. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { IS_BUILT, ManagerBench } from '../testing/manager-bench.test-helper.ts';

const SERVICE = 'com.citrix.xenclient.xenmgr';
const VM = `${SERVICE}.vm`;
const PROPERTIES = 'org.freedesktop.DBus.Properties';
/** Debian's, which has the package python3-dbus. */
const PYTHON = '/usr/bin/python3';
const TIMEOUT_S = 60;
const testBuilt = IS_BUILT ? test : test.skip;
jest.setTimeout(120_000);

/** What each client can be told, as a command with its words. */
interface Client {
  create(template: string, json: string): readonly string[];
  get(path: string, name: string): readonly string[];
  setText(path: string, name: string, value: string): readonly string[];
  call(path: string, member: string): readonly string[];
}

const busctl = (path: string, owner: string, member: string, ...args: readonly string[]) => [
  ...['busctl', '--system', `--timeout=${TIMEOUT_S}`, 'call', SERVICE, path, owner, member],
  ...args,
];
const gdbus = (path: string, member: string, ...args: readonly string[]) => [
  ...['gdbus', 'call', '--system', '--timeout', String(TIMEOUT_S), '--dest', SERVICE],
  ...['--object-path', path, '--method', member, ...args],
];
const dbusSend = (path: string, member: string, ...args: readonly string[]) => [
  ...['dbus-send', '--system', '--print-reply', `--reply-timeout=${TIMEOUT_S * 1000}`],
  ...[`--dest=${SERVICE}`, path, member, ...args],
];
const PYTHON_CALL = `
import dbus, sys
path, owner, member, *args = sys.argv[1:]
print(dbus.SystemBus().get_object("${SERVICE}", path).get_dbus_method(member, owner)(*args, timeout=${TIMEOUT_S}))
`;
const python = (...words: readonly string[]) => [PYTHON, '-c', PYTHON_CALL, ...words];
const CREATE = 'create_vm_with_template_and_json';

const CLIENTS: Readonly<Record<string, Client>> = {
  busctl: {
    create: (...args) => busctl('/', SERVICE, CREATE, 'ss', ...args),
    get: (path, name) => busctl(path, PROPERTIES, 'Get', 'ss', VM, name),
    setText: (path, ...args) => busctl(path, PROPERTIES, 'Set', 'ssv', VM, args[0], 's', args[1]),
    call: (path, member) => busctl(path, VM, member),
  },
  gdbus: {
    create: (...args) => gdbus('/', `${SERVICE}.${CREATE}`, ...args),
    get: (path, name) => gdbus(path, `${PROPERTIES}.Get`, VM, name),
    setText: (path, name, value) => gdbus(path, `${PROPERTIES}.Set`, VM, name, `<'${value}'>`),
    call: (path, member) => gdbus(path, `${VM}.${member}`),
  },
  'dbus-send': {
    create: (...args) =>
      dbusSend('/', `${SERVICE}.${CREATE}`, ...args.map((arg) => `string:${arg}`)),
    get: (path, name) => dbusSend(path, `${PROPERTIES}.Get`, `string:${VM}`, `string:${name}`),
    setText: (path, name, value) =>
      dbusSend(
        ...[path, `${PROPERTIES}.Set`, `string:${VM}`, `string:${name}`],
        `variant:string:${value}`,
      ),
    call: (path, member) => dbusSend(path, `${VM}.${member}`),
  },
  'the D-Bus library of Python': {
    create: (...args) => python('/', SERVICE, CREATE, ...args),
    get: (path, name) => python(path, PROPERTIES, 'Get', VM, name),
    setText: (path, ...args) => python(path, PROPERTIES, 'Set', VM, ...args),
    call: (path, member) => python(path, VM, member),
  },
};

let bench: ManagerBench;
beforeAll(async () => {
  if (IS_BUILT) bench = await ManagerBench.open();
});
afterAll(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

/** What a command prints. */
async function said([program = '', ...words]: readonly string[]): Promise<string> {
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bench.busAddress };
  return (await promisify(execFile)(program, words, { env })).stdout;
}

testBuilt.each(Object.entries(CLIENTS))(
  '%s drives the whole life of a VM',
  async (_name, client) => {
    const config = { 'virt-type': 'pvh', memory: '16', kernel: bench.kernel };
    const created = await said(client.create('new-vm-empty', JSON.stringify({ config })));
    const path = /\/vm\/[0-9a-f_]{36}/.exec(created)?.[0] ?? '';
    expect(path).not.toBe('');
    const uuid = path.slice('/vm/'.length).replaceAll('_', '-');
    await said(client.setText(path, 'name', 'foreign'));
    expect(await said(client.get(path, 'name'))).toContain('foreign');
    for (const [member, state] of [
      ['start', 'running'],
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['reboot', 'running'],
      ['shutdown', 'stopped'],
      ['start', 'running'],
      ['destroy', 'stopped'],
    ] as const) {
      await said(client.call(path, member));
      // The call is answered when the guest is down; it is started again after that.
      if (member === 'reboot')
        await bench.until(() => bench.manager.life.publicState(uuid) === state);
      expect(await said(client.get(path, 'state'))).toContain(state);
    }
    await said(client.call(path, 'delete'));
    await expect(said(client.get(path, 'name'))).rejects.toThrow(
      /UnknownObject|No such object|no object/i,
    );
  },
);
