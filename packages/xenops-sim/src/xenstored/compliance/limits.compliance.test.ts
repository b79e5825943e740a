/** Bytes and numbers at the edge: the C daemon and the embedded one, asked the same, answer the same. */
import { describe, expect, jest } from '@jest/globals';
import { StoreClient, type StoreHost } from '@xenops/core/compliance';
import { MessageType, type RequestName } from '@xenops/core/xenstore/wire';
import { openInProcess } from './embedded-host.test-helper.ts';
import { OracleHost } from './oracle-host.test-helper.ts';
import { findOracleTools, testWith, valueOf } from './oracle-tools.test-helper.ts';

const tools = await findOracleTools();
jest.setTimeout(60_000);
const oracleTest = testWith(tools);

/** Who asks (Dom0 or a guest), what, with which payload. */
type Step = readonly [who: 0 | 7 | 8, type: RequestName, payload: string];

const SESSIONS: Readonly<Record<string, readonly Step[]>> = {
  'what follows the last NUL': [
    [0, 'write', '/a\0v'],
    [0, 'setPermissions', '/a\0n0\0rest'],
    [0, 'setPermissions', '/a\0n0\0r7\0rest'],
    [0, 'getPermissions', '/a\0'],
    [0, 'setPermissions', '/a\0rest'],
    [0, 'watch', '/a\0t\0rest'],
    [0, 'watch', '/a\0t\0rest\0'],
    [0, 'unwatch', '/a\0t\0rest'],
    [0, 'unwatch', '/a\0t\0'],
    [0, 'directoryPart', '/\x000\0rest'],
    [0, 'directoryPart', '/\x000'],
    [0, 'directoryPart', '/\x000\0\0'],
    [0, 'directoryPart', '/\x00-1\0'],
    [0, 'directoryPart', '/\x00 4x\0'],
    [0, 'setTarget', '7\x008\0rest'],
    [0, 'setTarget', '7\x008\x009\0'],
    [0, 'setTarget', '7\x008'],
    [0, 'introduce', '7\x001\x001\0rest'],
    [0, 'isDomainIntroduced', '7\0rest'],
    [0, 'release', '7\0rest'],
    [0, 'control', 'check\0rest'],
    [0, 'control', 'check'],
    [0, 'transactionEnd', 'T\0T'],
  ],
  'Dom0 as a target, and as a stub': [
    [0, 'write', '/secret\0v'],
    [7, 'read', '/secret\0'],
    [0, 'setTarget', '7\x000\0'],
    [7, 'read', '/secret\0'],
    [7, 'write', '/secret\0w'],
    [7, 'isDomainIntroduced', '8\0'],
    [0, 'setTarget', '7\x008\0'],
    [7, 'read', '/secret\0'],
    [0, 'setTarget', '0\x007\0'],
    [0, 'setTarget', '0\x0099\0'],
    [0, 'setTarget', '99\x000\0'],
    [0, 'read', '/secret\0'],
  ],
  'permissions of special watches': [
    [7, 'setPermissions', '@releaseDomain\0n7\0'],
    [7, 'setPermissions', '@unknown\0n7\0'],
    [7, 'setPermissions', '@unknown\0n99\0'],
    [0, 'setPermissions', '@unknown\0n0\0'],
    [0, 'setPermissions', '@releaseDomain\0n99\0'],
    [0, 'setPermissions', '@releaseDomain\0n0\0r99\0'],
    [0, 'setPermissions', '@releaseDomain\0n0\0b7\0'],
    [7, 'setPermissions', '@releaseDomain\0n7\0'],
    [0, 'setPermissions', '@releaseDomain\0n7\0'],
    [7, 'setPermissions', '@releaseDomain\0n7\0r8\0'],
    [0, 'getPermissions', '@releaseDomain\0'],
    [0, 'read', '@releaseDomain\0'],
    [0, 'watch', '@anything\0t\0'],
  ],
  'numbers in permissions': [
    [0, 'write', '/a\0v'],
    ...['n0', 'n07', 'n010', 'n0x7', 'n0X8', 'n 7', 'n+7', 'n-7', 'n4294967303'].map(
      (entry): Step => [0, 'setPermissions', `/a\0n0\0${entry}\0`],
    ),
    [0, 'getPermissions', '/a\0'],
    ...['n', 'n7x', 'n08', 'n0x', 'N7', 'n ', '7', '', 'n7 '].map((entry): Step => [
      0,
      'setPermissions',
      `/a\0n0\0${entry}\0`,
    ]),
    [0, 'setPermissions', '/a\0n-1\0'],
    [0, 'setPermissions', '/a\0n0x7\0r010\0'],
    [0, 'getPermissions', '/a\0'],
  ],
  'control of quotas': [
    [0, 'control', 'quota\0'],
    [0, 'control', 'quota-soft\0'],
    [0, 'control', 'quota\x007\0'],
    [7, 'write', 'one\0value'],
    [7, 'write', 'deep/er/still\0value'],
    [0, 'control', 'quota\x007\0'],
    [7, 'write', 'one\0a longer value'],
    [7, 'mkdir', 'dir\0'],
    [7, 'watch', 'one\0token\0'],
    [7, 'watch', '/tool\0other\0'],
    [0, 'control', 'quota\x007\0'],
    [7, 'rm', 'deep\0'],
    [7, 'unwatch', 'one\0token\0'],
    [7, 'setPermissions', 'one\0n7\0r0\0r8\0'],
    [0, 'write', '/local/domain/7/by-dom0\0v'],
    [0, 'control', 'quota\x007\0'],
    [7, 'resetWatches', '\0'],
    [0, 'rm', '/local/domain/7/by-dom0\0'],
    [0, 'control', 'quota\x007\0'],
    [0, 'control', 'quota\x008\0'],
    [0, 'control', 'quota\x0099\0'],
    [0, 'control', 'quota\x007\x008\0'],
    [0, 'control', 'quota\0set\0nodes\x003\0'],
    [7, 'write', 'x/y/z\0v'],
    [0, 'control', 'quota\0set\0memory\x00500\0'],
    [0, 'control', 'quota\0'],
    [0, 'control', 'quota\0set\0nodes\x000\0'],
    [0, 'control', 'quota\0set\0none\x001\0'],
    [0, 'control', 'quota\0set\0nodes\0'],
    [0, 'control', 'quota-soft\0set\0memory\x00400\0'],
    [0, 'control', 'quota-soft\0set\0nodes\x00400\0'],
    [0, 'control', 'quota-soft\x007\0'],
    [0, 'control', 'quota-soft\0'],
  ],
  'a node too much for the memory of its owner': [
    [0, 'control', 'quota\0set\0memory\x00500\0'],
    [7, 'write', `a\0${'v'.repeat(200)}`],
    [0, 'control', 'quota\x007\0'],
    [0, 'write', `/local/domain/7/b\0${'v'.repeat(400)}`],
    [0, 'write', `/local/domain/7/a\0${'v'.repeat(600)}`],
    [0, 'read', '/local/domain/7/a\0'],
    [0, 'write', '/local/domain/7/a\0v'],
    [7, 'write', 'b\0v'],
    [0, 'control', 'quota\x007\0'],
  ],
  'other commands': [
    [0, 'control', 'log\0on\0'],
    [0, 'control', 'log\0off\0'],
    [0, 'control', 'log\0maybe\0'],
    [0, 'control', 'log\0'],
    [0, 'control', 'memreport\0'],
    [0, 'control', 'print\0text\0'],
    [0, 'control', 'print\0'],
    [0, 'control', 'check\0more\0'],
    [0, 'control', 'help\0more\0'],
    [0, 'control', 'quotas\0'],
    [7, 'control', 'help\0'],
    [0, 'control', 'help\0'],
    [0, 'control', 'memreport\0report\0'],
    [0, 'control', 'memreport\0/none/report\0'],
    [0, 'control', 'memreport\0report\0more\0'],
    [0, 'control', 'logfile\0'],
    [0, 'control', 'logfile\0trace\0more\0'],
    [0, 'control', 'logfile\0/none/trace\0'],
    [0, 'control', 'memreport\0'],
    [0, 'control', 'logfile\0trace\0'],
    [0, 'control', 'memreport\0'],
    [0, 'control', 'log\0off\0'],
    [0, 'control', 'memreport\0'],
    [0, 'control', 'log\0on\0'],
    [0, 'control', 'live-update\0'],
    [0, 'control', 'live-update\0-a\0'],
    [0, 'control', 'live-update\0-a\0more\0'],
    [0, 'control', 'live-update\0-c\0--verbose\0'],
    [0, 'control', 'live-update\0-s\0-F\0'],
    [0, 'control', 'live-update\0-x\0'],
  ],
};

/** The answers to a session, with the events of everybody at its end. */
async function transcript(host: StoreHost, steps: readonly Step[]): Promise<readonly unknown[]> {
  await using owned = host;
  const dom0 = await StoreClient.open(owned.dom0);
  const clients = new Map<number, StoreClient>([[0, dom0]]);
  for (const domid of [7, 8]) {
    await owned.setDomain(domid, 'alive');
    const home = `/local/domain/${domid}`;
    await dom0.introduce(domid);
    await dom0.mkdir(home);
    await dom0.chmod(home, `n${domid}`);
    clients.set(domid, await StoreClient.open(owned.guest(domid)));
  }
  const seen: unknown[] = [];
  for (const [who, type, payload] of steps) {
    const answer = await clients.get(who)?.askRaw(MessageType[type], payload);
    seen.push([who, type, payload, comparable(type, payload, answer)]);
  }
  for (const client of clients.values()) client[Symbol.dispose]();
  return seen;
}

/** The answer without what is each daemon's own: generations, and an error that the C daemon leaves to chance. */
function comparable(type: RequestName, payload: string, answer = ''): string {
  if (type === 'directoryPart') return answer.replace(/^[0-9]+/, 'generation');
  const isSpecial = type === 'setPermissions' && payload.startsWith('@');
  return isSpecial ? answer.replace(/^E[A-Z]+$/, 'refused') : answer;
}

describe('the C daemon and the embedded one answer the same', () => {
  for (const [name, steps] of Object.entries(SESSIONS)) {
    oracleTest(name, async () => {
      const oracle = await OracleHost.start('xenstored', valueOf(tools));
      const expected = await transcript(oracle, steps);
      expect(await transcript(openInProcess(), steps)).toEqual(expected);
    });
  }
});
