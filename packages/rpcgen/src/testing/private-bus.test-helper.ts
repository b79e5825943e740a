/** A dbus-daemon of one's own, in a folder of one's own: tests never touch the buses of the machine. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** A running bus. */
export interface PrivateBus extends AsyncDisposable {
  /** For DBUS_SESSION_BUS_ADDRESS and DBUS_SYSTEM_BUS_ADDRESS of other programs. */
  readonly address: string;
  /** Ends the daemon at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a bus. Needs the Debian package dbus-daemon. */
export async function startPrivateBus(): Promise<PrivateBus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenops-dbus-'));
  const address = `unix:path=${path.join(folder, 'socket')}`;
  const config = path.join(folder, 'bus.conf');
  await writeFile(config, configuration(address));
  let daemon = await startDaemon(config);
  const kill = async (): Promise<void> => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  const restart = async (): Promise<void> => {
    await kill();
    await rm(path.join(folder, 'socket'), { force: true });
    daemon = await startDaemon(config);
  };
  return { address, kill, restart, stop, [Symbol.asyncDispose]: stop };
}

async function startDaemon(config: string): Promise<ChildProcess> {
  const daemon = spawn(
    'dbus-daemon',
    [`--config-file=${config}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  // The address on its standard output says that it listens.
  const lines = createInterface({ input: daemon.stdout });
  const failed = once(daemon, 'error').then(([error]: unknown[]) => {
    throw error;
  });
  const ended = once(daemon, 'exit').then(([status]: unknown[]) => {
    throw new Error(`dbus-daemon ended with status ${String(status)}`);
  });
  await Promise.race([once(lines, 'line'), failed, ended]);
  for (const unused of [failed, ended]) unused.catch(() => undefined);
  return daemon;
}

function configuration(address: string): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
`;
}
