/** What has once broken a store daemon, as the advisories tell it (xenbits.xen.org/xsa), where no other test has it. */
import { describe, expect, test } from '@jest/globals';
import { encodeFrame, encodeRequest, MessageType, type Request } from '@xenops/core/xenstore/wire';
import { StoreHarness, type TestClient } from './store-harness.test-helper.ts';

const GUEST = 7;
/** Of the quota of 1000, which folders and the home count for too. */
const ALL_BUT_FOLDERS = 960;
const HOME = `/local/domain/${GUEST}`;

/** One request of each type that succeeds. */
const GOOD: readonly Request[] = [
  { name: 'control', words: ['check'] },
  { name: 'directory', path: '/' },
  { name: 'read', path: '/' },
  { name: 'getPermissions', path: '/' },
  { name: 'watch', path: '/w', token: 't' },
  { name: 'unwatch', path: '/w', token: 't' },
  { name: 'transactionStart' },
  { name: 'introduce', domid: '7', frame: '1', port: '1' },
  { name: 'getDomainPath', domid: '7' },
  { name: 'write', path: '/a', value: Buffer.from('v') },
  { name: 'mkdir', path: '/b' },
  { name: 'rm', path: '/b' },
  { name: 'setPermissions', path: '/a', permissions: ['n0'] },
  { name: 'isDomainIntroduced', domid: '7' },
  { name: 'resume', domid: '7' },
  { name: 'setTarget', domid: '7', target: '7' },
  { name: 'resetWatches' },
  { name: 'directoryPart', path: '/', offset: '0' },
];

const MALFORMED = [
  '',
  'x',
  '/',
  '/\0/\0',
  '/local/domain/\0',
  '/local/domain/',
  '//\0',
  '/a b\0',
  `/${'p'.repeat(3000)}\0`,
  `${'p'.repeat(3000)}\0t\0`,
  '\0',
  '\0\0\0',
];

/** Answers exactly once; the helper throws otherwise. */
function askRaw(client: TestClient, type: number, payload: string, transactionId = 0): string {
  const header = { type, requestId: 1, transactionId };
  return client.askBytes(encodeFrame(header, [Buffer.from(payload, 'latin1')]));
}

describe('each request has one answer, whatever came before it (XSA-481)', () => {
  test.each(Object.entries(MessageType))('%s, malformed', (_, type) => {
    for (const before of GOOD) {
      for (const payload of MALFORMED) {
        const harness = new StoreHarness();
        harness.presence.set(GUEST, 'alive');
        const dom0 = harness.dom0();
        dom0.ask(before);
        askRaw(dom0, type, payload);
        expect(dom0.read('/tool')).toBe('');
        expect(harness.faults()).toEqual([]);
      }
    }
  });
});

test('each type in a transaction of its own, of another, ended, or made up has one answer (XSA-484)', () => {
  for (const request of GOOD) {
    const harness = new StoreHarness();
    const [dom0, other] = [harness.dom0(), harness.dom0()];
    harness.guest(GUEST);
    other.begin();
    const ended = dom0.begin();
    dom0.commit(ended);
    for (const id of [dom0.begin(), ended, 2 ** 32 - 1]) {
      dom0.askBytes(encodeRequest(request, { requestId: 1, transactionId: id }));
      expect(dom0.read('/')).toBe('');
    }
    expect(harness.faults()).toEqual([]);
  }
});

test('a number that is used again a hundred times starts from nothing (XSA-322, 417, 419, 483)', () => {
  const harness = new StoreHarness();
  const dom0 = harness.dom0();
  dom0.write('/local/domain', '');
  dom0.write('/shared', 'secret');
  dom0.write('/open', '');
  dom0.chmod('/open', 'b0');
  const { size } = harness.xenstored.tree;
  for (let life = 0; life < 100; life += 1) {
    const guest = harness.guest(GUEST);
    expect(guest.read('/shared')).toBe('EACCES');
    expect(guest.ask({ name: 'directory', path: HOME })).toBe('');
    dom0.chmod('/shared', 'n0', `b${GUEST}`);
    expect(guest.read('/shared')).toBe('secret');
    const nodes = life % 20 === 19 ? ALL_BUT_FOLDERS : 20;
    for (let index = 0; index < nodes; index += 1) {
      const place = index % 2 === 0 ? '/open/' : '';
      expect(guest.write(`${place}${index % 19}/${index}`, '')).toBe('OK');
    }
    harness.kill(GUEST);
    expect(harness.xenstored.tree.size).toBe(size);
    expect(harness.faults()).toEqual([]);
  }
});
