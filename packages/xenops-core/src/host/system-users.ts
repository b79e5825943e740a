/** Users of the system by name or number, as passwd(5) writes them down. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NamedUser } from './host-services.ts';

const run = promisify(execFile);
const GETENT = '/usr/bin/getent';
/** getent's status for "no such key". */
const NOT_FOUND = 2;

/** The user of this name or number in the text of a passwd file; undefined when it has none. */
export function findInPasswd(text: string, key: string): NamedUser | undefined {
  return text
    .split('\n')
    .flatMap((line) => parseUser(line) ?? [])
    .find(({ name, uid }) => name === key || String(uid) === key);
}

function parseUser(line: string): NamedUser | undefined {
  const [, name, uid, gid] = /^([^:]+):[^:]*:(\d{1,10}):(\d{1,10}):/.exec(line) ?? [];
  return name === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}

/** See `HostServices`. getent asks every source that nsswitch.conf(5) names, as libxl's getpwnam does; Node.js has no such call. */
export async function findUser(key: string): Promise<NamedUser | undefined> {
  try {
    const { stdout } = await run(GETENT, ['passwd', '--', key], { cwd: '/', env: {} });
    return findInPasswd(stdout, key);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return undefined;
    throw error;
  }
}
