// The way into Dom0: one ssh connection per lab, kept open, over which each command is only a channel. A key
// exchange takes most of a second under emulation, a channel some hundredths.
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { abortedError, LabError, TimeoutError } from './errors.ts';
import { findProcess, lastLines, spawnServant } from './process.ts';
import type { ProcessIdentity } from './process.ts';

const CONNECT_TIMEOUT_MS = 120_000;
/** sun_path of sockaddr_un, less the 17 characters that ssh adds to the name for a moment. */
const CONTROL_PATH_MAX = 107 - 17;

/** Writes the ssh configuration of a lab; `ssh -F FOLDER/ssh_config dom0` uses it. */
export function writeSshConfig(
  folder: string,
  { imageFolder, sshPort }: { readonly imageFolder: string; readonly sshPort: number },
): void {
  const controlPath = path.join(folder, 'ssh.sock');
  if (controlPath.length > CONTROL_PATH_MAX) {
    throw new LabError('LAB_HOST_UNSUITABLE', {
      message: `The path ${controlPath} is too long for a socket`,
    });
  }
  const options = {
    HostName: '127.0.0.1',
    HostKeyAlias: 'xenlab',
    Port: String(sshPort),
    User: 'root',
    IdentityFile: `"${imageFolder}/id_ed25519"`,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: `"${imageFolder}/known_hosts"`,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    BatchMode: 'yes',
    PreferredAuthentications: 'publickey',
    // The cheapest for an emulated processor; nobody else is on this wire.
    KexAlgorithms: 'curve25519-sha256',
    Ciphers: 'aes128-gcm@openssh.com',
    GSSAPIAuthentication: 'no',
    ForwardAgent: 'no',
    ControlPath: `"${controlPath}"`,
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name} ${value}\n`);
  writeFileSync(path.join(folder, 'ssh_config'), `Host dom0\n${lines.join('')}`, { mode: 0o600 });
}

/** The ssh command of a lab, up to where the remote command goes. */
export function sshCommand(folder: string, options: readonly string[] = []): readonly string[] {
  return ['ssh', '-F', path.join(folder, 'ssh_config'), ...options, 'dom0'];
}

/** Opens the connection that later commands share, and returns its process. */
export async function openConnection(
  folder: string,
  { owned, signal }: { readonly owned: boolean; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly identity: ProcessIdentity; readonly ended: Promise<unknown> }> {
  const messages = path.join(folder, 'ssh.log');
  const log = openSync(messages, 'w', 0o600);
  const child = spawnServant(
    // The local command runs when the connection is up and takes clients.
    sshCommand(folder, [
      '-M',
      '-N',
      '-o',
      'PermitLocalCommand=yes',
      '-o',
      'LocalCommand=echo connected',
    ]),
    { owned, stdio: ['ignore', 'pipe', log] },
  );
  closeSync(log);
  const identity = child.pid === undefined ? undefined : findProcess(child.pid);
  const ended = once(child, 'exit');
  if (identity === undefined || child.stdout === null) {
    throw new LabError('LAB_HOST_UNSUITABLE', { message: 'Cannot start ssh' });
  }
  const deadline = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  const stop = AbortSignal.any([deadline, ...(signal === undefined ? [] : [signal])]);
  try {
    await Promise.race([
      once(child.stdout, 'data', { signal: stop }),
      ended.then(() => {
        const said = lastLines(readFileSync(messages, 'utf8'));
        throw new LabError('LAB_LOST', { message: `No connection to Dom0\n${said}` });
      }),
    ]);
  } catch (error) {
    child.kill('SIGKILL');
    if (signal?.aborted === true) throw abortedError('the connection to Dom0', signal);
    if (!deadline.aborted) throw error;
    throw new TimeoutError({
      message: 'Dom0 did not take a connection',
      context: { timeoutMs: CONNECT_TIMEOUT_MS },
      cause: error,
    });
  }
  child.unref();
  child.stdout.destroy();
  return { identity, ended };
}
