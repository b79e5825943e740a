/** A bus of one's own that lets only its starter do anything, or what a policy file adds. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Starts a bus; needs the Debian package dbus-daemon. With a policy file it denies by default, as the system bus does. */
export async function startBus(
  policyFile?: string,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenvm-bus-'));
  const address = `unix:path=${path.join(folder, 'socket')}`;
  const config = path.join(folder, 'bus.conf');
  await writeFile(config, configuration(address, policyFile));
  const daemon = spawn(
    'dbus-daemon',
    [`--config-file=${config}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await once(createInterface({ input: daemon.stdout }), 'line');
  return {
    address,
    async [Symbol.asyncDispose]() {
      daemon.kill();
      await once(daemon, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(address: string, policyFile: string | undefined): string {
  const policy =
    policyFile === undefined
      ? '<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>'
      : // The relevant part of the system bus's own configuration.
        `<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
         <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
         <allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
         <allow receive_type="method_return"/><allow receive_type="error"/>
         <allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/></policy>
         <include>${policyFile}</include>`;
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>${address}</listen><auth>EXTERNAL</auth>${policy}</busconfig>
`;
}
