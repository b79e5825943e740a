/**
 * Clients that others wrote, unmodified, on the embedded xenstored: they must not notice that it is not the C daemon.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, jest } from '@jest/globals';
import { openOnSocket } from './embedded-host.test-helper.ts';
import { OracleHost } from './oracle-host.test-helper.ts';
import {
  both,
  findOracleTools,
  findPyxs,
  findStoreClients,
  testWith,
  valueOf,
} from './oracle-tools.test-helper.ts';

const run = promisify(execFile);
const PYXS_SESSION = fileURLToPath(new URL('pyxs-session.py', import.meta.url));
const [tools, clients, pyxs] = await Promise.all([
  findOracleTools(),
  findStoreClients(),
  findPyxs(),
]);
// Each session starts dozens of processes.
jest.setTimeout(60_000);
const clientTest = testWith(both(tools, clients));
const pyxsTest = testWith(both(tools, pyxs));

/** What a program writes, and its exit status. */
interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

interface Server extends AsyncDisposable {
  readonly socketPath: string;
}

async function outcomeOf(
  server: Server,
  program: string,
  args: readonly string[],
): Promise<Outcome> {
  const env = { ...process.env, XENSTORED_PATH: server.socketPath };
  try {
    return { ...(await run(program, args, { env, timeout: 20_000 })), status: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { stdout, stderr, status: code };
  }
}

/** Runs a session on both servers and compares what comes out; gives it. */
async function expectSame<T>(session: (server: Server) => Promise<T>): Promise<T> {
  await using oracle = await OracleHost.start('xenstored', valueOf(tools));
  await using embedded = await openOnSocket();
  const expected = await session(oracle);
  const actual = await session(embedded);
  expect(actual).toEqual(expected);
  return actual;
}

/** Command lines without the `xenstore-` in front, run one after another on one server. */
const SESSIONS: Readonly<Record<string, readonly string[]>> = {
  'write and read': [
    'write /a 1 /a/b 2',
    'read /a',
    'read /a /a/b',
    'read -p /a/b',
    'read /none',
    'write relative v',
    'read relative',
    'write /bad//path v',
    'write /odd',
    'read -s /a',
  ],
  'list and exists': [
    'write /d/x 1 /d/y 2',
    'list /d',
    'list -p /d',
    'list /none',
    'exists /d/x',
    'exists /d/none',
    'exists /d/x /d/none',
  ],
  rm: [
    'write /d/x/deep 1 /d/y 2',
    'rm /d/x',
    'list /d',
    'rm /none',
    'rm /none/below',
    'rm -t /d/y',
    'list /',
    'rm /',
  ],
  chmod: [
    'write /d/x 1',
    'chmod /d r0',
    'ls -fp /d',
    'chmod -r /d n0 b0',
    'ls -fp /d',
    'chmod -u /d/x b0',
    'ls -fp',
    'chmod /none n0',
    'chmod /d x0',
    'chmod /d',
  ],
  ls: [
    'write /local/domain/1/name one /local/domain/1/empty  /z last',
    'ls',
    'ls -f',
    'ls -p',
    'ls -fp /local',
    'ls /none',
    'ls /z',
  ],
  control: [
    'control check',
    'control help',
    'control no-such-command',
    'control memreport report',
    'control logfile trace',
    'control print hello',
    'control log on',
    'control log off',
    'control quota',
    'control quota-soft',
    'write /a/b/c value',
    'control quota 0',
    'control quota set nodes 10',
    'control quota set memory 100000',
    'control quota-soft set memory 90000',
    'control quota',
    'control quota-soft',
    'control quota 9',
  ],
};

describe("Xen's own clients give the same on the C daemon and on the embedded one", () => {
  for (const [name, commands] of Object.entries(SESSIONS)) {
    clientTest(`xenstore-${name}`, async () => {
      const outcomes = await expectSame(async (server) => {
        const seen: [string, Outcome][] = [];
        for (const command of commands) {
          const [client = '', ...args] = command.split(' ');
          seen.push([command, await outcomeOf(server, programOf(client), args)]);
        }
        return seen;
      });
      // Not merely the same way of failing.
      expect(outcomes[0]?.[1].status).toBe(0);
    });
  }

  clientTest('xenstore-watch', async () => {
    const lines = await expectSame(watchSession);
    expect(lines).toEqual(['/w', '/w/a', '/w/a', '/w']);
  });
});

/** One of Xen's clients; that for CONTROL comes with the daemons. */
function programOf(client: string): string {
  const name = `xenstore-${client}`;
  return client === 'control' ? path.join(valueOf(tools).binFolder, name) : name;
}

/** Watches `/w` for four events; gives the lines. */
async function watchSession(server: Server): Promise<readonly string[]> {
  const env = { ...process.env, XENSTORED_PATH: server.socketPath };
  // Its output would come at its end only, and nothing would tell when its watch is there.
  const watching = spawn('stdbuf', ['-oL', 'xenstore-watch', '-n', '4', '/w'], { env });
  const ended = once(watching, 'close');
  const lines = createInterface({ input: watching.stdout });
  const seen: string[] = [];
  lines.on('line', (line) => seen.push(line));
  await once(lines, 'line');
  for (const command of ['write /w/a 1', 'chmod /w/a r0', 'rm /w']) {
    const heard = once(lines, 'line');
    const [client = '', ...args] = command.split(' ');
    await outcomeOf(server, programOf(client), args);
    await heard;
  }
  await ended;
  return seen;
}

clientTest("Xen's own test program passes on the embedded xenstored", async () => {
  await using embedded = await openOnSocket();
  const program = path.join(valueOf(tools).binFolder, 'test-xenstore');
  const { stdout, status } = await outcomeOf(embedded, program, ['-i', '50']);
  expect(stdout).not.toMatch(/fail/i);
  expect(stdout.trim().split('\n')).toHaveLength(12);
  expect(status).toBe(0);
});

pyxsTest('a session of pyxs gives the same on the C daemon and on the embedded one', async () => {
  const { stdout, stderr, status } = await expectSame(async (server) => {
    const env = ['PYTHONDONTWRITEBYTECODE=1', `PYTHONPATH=${valueOf(pyxs)}`];
    return outcomeOf(server, 'env', [...env, 'python3', PYXS_SESSION, server.socketPath]);
  });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain("isolated b'one' b'inside'\n");
  expect(stdout).toContain("conflict False b'two words'\n");
  expect(stdout).toContain("watch (b'/pyxs/a', b'token')\n");
});
