/** What systemd and the system bus make of the files in `units`. Needs root for a second user on the bus. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startStandIn, type StandIn } from '../clients/stand-in.test-helper.ts';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';

const UNITS = fileURLToPath(new URL('../../units', import.meta.url));
const POLICY = path.join(UNITS, 'com.citrix.xenclient.xenmgr.conf');
const SERVICE = 'com.citrix.xenclient.xenmgr';
/** Group ids of Debian (base-passwd): some group that stands in for that of the policy, and nobody's. */
const GAMES = { name: 'games', gid: 60 };
const NOBODY = '65534';
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;
const run = promisify(execFile);

/** The rules of Debian's system bus: nobody owns or calls anything unless a package says so. */
const SYSTEM_RULES = `<policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>`;

test('systemd finds no fault with the units', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-units-'));
  try {
    const names = (await readdir(UNITS)).filter((name) => /^xenmgr.*\.service$/.test(name));
    for (const name of names) {
      // The program itself need not be installed for this.
      const text = (await readFile(path.join(UNITS, name), 'utf8')).replace(
        '=xenmgr ',
        '=/bin/true ',
      );
      await writeFile(path.join(folder, name), text);
    }
    const files = names.map((name) => path.join(folder, name));
    const { stderr } = await run('systemd-analyze', ['verify', '--recursive-errors=no', ...files]);
    expect(names).toEqual(['xenmgr-guests.service', 'xenmgr.service']);
    expect(stderr).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
});

describeAsRoot('on the system bus', () => {
  let folder: string;
  let bus: PrivateBus;
  let service: StandIn;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-policy-'));
    const policy = (await readFile(POLICY, 'utf8')).replace(
      'group="xenmgr"',
      `group="${GAMES.name}"`,
    );
    const file = path.join(folder, 'policy.conf');
    await writeFile(file, policy);
    bus = await startPrivateBus(`${SYSTEM_RULES}\n<include>${file}</include>`);
    await chmod(path.dirname(bus.address.replace('unix:path=', '')), 0o711);
    service = await startStandIn(bus.address, []);
  });
  afterEach(async () => {
    await service[Symbol.asyncDispose]();
    await bus[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const send = (words: readonly string[], groups: string): Promise<{ stdout: string }> =>
    run('setpriv', [
      ...['--reuid', NOBODY, '--regid', NOBODY, `--groups=${groups}`],
      ...['dbus-send', `--bus=${bus.address}`, '--print-reply', ...words],
    ]);
  const call = (member: string): readonly string[] => [`--dest=${SERVICE}`, '/', member];

  test('another user is refused every call, and both names', async () => {
    const members = [
      `${SERVICE}.list_vms`,
      'org.freedesktop.DBus.Introspectable.Introspect',
      'org.freedesktop.DBus.Peer.Ping',
      'org.freedesktop.DBus.ObjectManager.GetManagedObjects',
    ];
    for (const member of members) {
      await expect(send(call(member), NOBODY)).rejects.toThrow('AccessDenied');
    }
    for (const name of [SERVICE, 'com.citrix.xenclient.db']) {
      const request = ['--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.RequestName'];
      const words = [...request, `string:${name}`, 'uint32:0'];
      await expect(send(words, NOBODY)).rejects.toThrow('is not allowed to own the service');
    }
  });

  test('a member of the group is let in, and does not get the names', async () => {
    const { stdout } = await send(call(`${SERVICE}.list_vms`), String(GAMES.gid));
    expect(stdout).toContain('array [');
    const request = ['--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.RequestName'];
    const words = [...request, `string:${SERVICE}`, 'uint32:0'];
    await expect(send(words, String(GAMES.gid))).rejects.toThrow('is not allowed to own');
  });

  test('another user hears signals of others, and none of the service', async () => {
    const monitor = ['dbus-monitor', '--address', bus.address, "type='signal'"];
    const listener = spawn(
      'setpriv',
      [...['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'], ...monitor],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines = createInterface({ input: listener.stdout });
    const heard: string[] = [];
    try {
      for await (const line of lines) {
        // The bus greets it once it listens.
        if (heard.length === 0) {
          service.signals.emit('config_changed');
          await run('dbus-send', [
            `--bus=${bus.address}`,
            '--print-reply',
            ...call(`${SERVICE}.list_vms`),
          ]);
          await run('dbus-send', [
            `--bus=${bus.address}`,
            '--type=signal',
            '/',
            'com.example.marker',
          ]);
        }
        heard.push(line);
        if (line.includes('member=marker')) break;
      }
    } finally {
      const ended = once(listener, 'exit');
      listener.kill();
      await ended;
    }
    expect(heard.join('\n')).not.toContain('config_changed');
  });
});
