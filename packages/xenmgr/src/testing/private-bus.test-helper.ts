/** A bus of a test's own, so that no test touches those of the machine. Needs the Debian package dbus-daemon. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const OPEN_RULES = `<policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>`;

/** A running bus. */
export interface PrivateBus extends AsyncDisposable {
  readonly address: string;
}

/** Starts a bus that lets everybody on it do everything, unless other rules are given: XML of its configuration. */
export async function startPrivateBus(rules: string = OPEN_RULES): Promise<PrivateBus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenops-dbus-'));
  const address = `unix:path=${path.join(folder, 'socket')}`;
  const config = path.join(folder, 'bus.conf');
  await writeFile(config, configuration(address, rules));
  const daemon = spawn(
    'dbus-daemon',
    [`--config-file=${config}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = once(daemon, 'exit');
  // It prints its address once it listens.
  const lines = createInterface({ input: daemon.stdout });
  const first = once(lines, 'line').then(() => 'listening');
  const outcome = await Promise.race([first, ended.then(() => 'ended')]);
  if (outcome === 'ended') throw new Error('dbus-daemon ended before it listened');
  const stop = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { address, [Symbol.asyncDispose]: stop };
}

function configuration(address: string, rules: string): string {
  return `<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  ${rules}
</busconfig>
`;
}
