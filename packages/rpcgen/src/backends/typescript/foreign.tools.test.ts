/**
 * Other people's readers on what we serve: each must list every member of the torture interfaces. A tool that is not
 * installed is left out with its reason, unless XENOPS_TEST_ALL=1 says that everything must run.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectBus, type Bus, type InterfaceDescription } from '../../runtime/index.ts';
import { startPrivateBus, type PrivateBus } from '../../testing/private-bus.test-helper.ts';
import { echoHandlers } from './echo-handlers.test-helper.ts';
import * as torture from './golden/torture.ts';

const run = promisify(execFile);
const NAME = 'org.example.Torture';
const PATH = '/org/example/torture';
const SERVED: readonly InterfaceDescription[] = [
  torture.OrgExampleTortureTypesDescription,
  torture.OrgExampleTortureNamesDescription,
  torture.OrgExampleTortureDescription,
  torture.OrgExampleTortureTwinDescription,
  torture.OrgExampleTortureAnnotatedDescription,
  torture.OrgExampleTortureEmptyDescription,
];

/** Debian's Python, which is where Debian's python3-dbus is. */
const PYTHON = '/usr/bin/python3';

function whyMissing(program: string, ...args: readonly string[]): string | undefined {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${[program, ...args].join(' ')} does not run here`;
  }
}

/** `test`, or a test left out that says why. */
function testWith(missing: string | undefined): typeof test | typeof test.skip {
  if (missing === undefined || process.env['XENOPS_TEST_ALL'] === '1') return test;
  process.stderr.write(`left out: ${missing}\n`);
  return test.skip;
}

const withBusctl = testWith(whyMissing('busctl', '--version'));
const withGdbus = testWith(whyMissing('gdbus', 'help'));
const withCodegen = testWith(whyMissing('gdbus-codegen', '--help'));
const withPython = testWith(whyMissing(PYTHON, '-c', 'import dbus'));

describe('what we serve is read by', () => {
  let daemon: PrivateBus;
  let server: Bus;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'xenops-foreign-'));
    daemon = await startPrivateBus();
    server = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    for (const one of SERVED) server.objects.export(PATH, one, echoHandlers(one));
    await server.requestName(NAME);
  });

  afterAll(async () => {
    await server.close();
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function output(program: string, ...args: readonly string[]): Promise<string> {
    const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: daemon.address };
    return (await run(program, args, { env, timeout: 20_000, maxBuffer: 1e8 })).stdout;
  }

  withBusctl('busctl', async () => {
    const text = await output('busctl', `--address=${daemon.address}`, 'introspect', NAME, PATH);
    const rows = new Set(
      text.split('\n').map((line) => line.trim().split(/\s+/).slice(0, 3).join(' ')),
    );
    for (const { name } of SERVED) expect(rows).toContain(`${name} interface -`);
    for (const { methods, signals, properties } of SERVED) {
      for (const [name, { input }] of Object.entries(methods)) {
        expect(rows).toContain(`.${name} method ${input === '' ? '-' : input}`);
      }
      for (const [name, signature] of Object.entries(signals)) {
        expect(rows).toContain(`.${name} signal ${signature === '' ? '-' : signature}`);
      }
      for (const [name, { type }] of Object.entries(properties)) {
        expect(rows).toContain(`.${name} property ${type}`);
      }
    }
    const call = ['call', NAME, PATH, 'org.example.Torture.Types', 'echo_a_dict_sv_end', 'a{sv}'];
    const values = ['1', 'key', 'ai', '2', '7', '8'];
    expect(await output('busctl', `--address=${daemon.address}`, ...call, ...values)).toBe(
      'a{sv} 1 "key" ai 2 7 8\n',
    );
  });

  withGdbus('gdbus', async () => {
    const call = ['--session', '--dest', NAME, '--object-path', PATH];
    const text = await output('gdbus', 'introspect', ...call);
    for (const { name, methods, properties } of SERVED) {
      expect(text).toContain(`interface ${name} {`);
      for (const method of Object.keys(methods)) expect(text).toContain(` ${method}(`);
      for (const property of Object.keys(properties)) expect(text).toContain(` ${property}`);
    }
    const method = ['--method', 'org.example.Torture.Types.echo_t', '18446744073709551615'];
    expect(await output('gdbus', 'call', ...call, ...method)).toBe(
      '(uint64 18446744073709551615,)\n',
    );
  });

  withCodegen('gdbus-codegen', async () => {
    // It cannot make C of members that differ in their letters' case only, nor of empty names: only of these.
    const documents = [
      torture.OrgExampleTortureAnnotatedDescription,
      torture.OrgExampleTortureTwinDescription,
    ];
    const file = path.join(folder, 'served.xml');
    await writeFile(file, `<node>${documents.map(({ xml }) => xml).join('\n')}</node>`);
    const header = path.join(folder, 'served.h');
    await output('gdbus-codegen', '--header', '--output', header, file);
    expect(await readFile(header, 'utf8')).toContain('org_example_torture_annotated');
    const whole = path.join(folder, 'whole.xml');
    await writeFile(whole, server.objects.introspect(PATH) ?? '');
    await output('gdbus-codegen', '--generate-docbook', path.join(folder, 'docs'), whole);
  });

  withPython('dbus-python', async () => {
    const script = `
import dbus
bus = dbus.bus.BusConnection('${daemon.address}')
proxy = bus.get_object('${NAME}', '${PATH}')
types = dbus.Interface(proxy, 'org.example.Torture.Types')
# The signature of the call comes from our document: without it 7 would be an integer of 32 bits.
assert types.echo_t(7) == 7
assert types.echo_y(7) == 7
names = dbus.Interface(proxy, 'org.freedesktop.DBus.Properties')
names.Set('org.example.Torture.Names', 'slot-count', dbus.UInt32(5))
assert names.Get('org.example.Torture.Names', 'slot-count') == 5
methods = proxy._introspect_method_map
print(len([name for name in methods if name.startswith('org.example.')]))
`;
    const methods = SERVED.flatMap((one) => Object.keys(one.methods)).length;
    expect(Number(await output(PYTHON, '-c', script))).toBe(methods);
  });
});
