import { describe, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { DISK } from '../config/index.ts';
import type { DiskRecord } from './holding.ts';
import { isPrepared, planDisk, type DiskFacts } from './plan-disk.ts';
import { toolText } from './run-tool.ts';

const uuid = vmUuid('11111111-2222-3333-4444-555555555555');
const OWN = `/d/a.${uuid}.xvda`;
const SESSION = `${OWN}.snap.tmp.qcow2`;
const COLLECTED = `${OWN}.snap.qcow2`;

function facts(change: Partial<DiskFacts> = {}): DiskFacts {
  return {
    ...{ uuid, keyFolder: '/run/keys', record: undefined, existing: new Set<string>() },
    ...{ isRestored: false, hasScriptFailed: false },
    ...change,
  };
}
const record = (isKept: boolean, ...files: readonly string[]): DiskRecord => ({
  ...{ vdev: 'xvda', base: '/d/a.qcow2', mode: 'temporary', isKept },
  holdings: files.map((path) => ({ kind: 'file', path, life: 'session' })),
});

/** The plan in a line for each step, then what the guest gets. */
function told(line: string, change: Partial<DiskFacts> = {}): readonly string[] {
  const { steps, serves, format } = planDisk(DISK.parse(line), facts(change));
  const lines = steps.map(({ action, holding }) => {
    const { kind, ...rest } = action;
    const text = 'call' in rest ? toolText(rest.call) : JSON.stringify(rest);
    const held =
      holding?.kind === 'file' ? ` (${holding.life})` : holding === undefined ? '' : ' (held)';
    return `${kind} ${text}${held}`;
  });
  return [...lines, `${format}: ${JSON.stringify(serves)}`];
}

test('a plain disk needs nothing, nor does an empty drive', () => {
  expect(isPrepared(DISK.parse('/d/a.qcow2:qcow2:xvda:w:disk:'))).toBe(false);
  expect(isPrepared(DISK.parse(':file:hdc:r:cdrom:'))).toBe(false);
});

describe('a temporary disk', () => {
  const line = '/d/a.qcow2:qcow2:xvda:w:disk:temporary';

  test('is a layer over its image', () => {
    expect(told(line)).toEqual([
      `run qemu-img create -q -f qcow2 -F qcow2 -b /d/a.qcow2 ${SESSION} (session)`,
      `qcow2: {"kind":"path","path":"${SESSION}"}`,
    ]);
  });

  test('over a vhd too', () => {
    expect(told('/d/a.vhd:vhd:xvda:w:disk:temporary')[0]).toContain('-F vpc -b /d/a.vhd');
  });

  test('whose image has no extension, or a dot in its folder, has its layer beside it', () => {
    expect(told('/d.x/image:qcow2:xvda:w:disk:temporary')[0]).toContain(
      `/d.x/image.${uuid}.xvda.snap.tmp.qcow2`,
    );
  });

  test('that was left by a crash is made anew', () => {
    const left = { record: record(false, SESSION), existing: new Set([SESSION]) };
    expect(told(line, left)[0]).toBe(`remove {"path":"${SESSION}"}`);
  });

  test('that was kept is gone on with, by a restored guest and a plain start', () => {
    const kept = { record: record(true, SESSION), existing: new Set([SESSION]) };
    for (const isRestored of [true, false])
      expect(told(line, { ...kept, isRestored })).toHaveLength(1);
  });

  test.each([
    ['is gone', record(true, SESSION), new Set<string>()],
    ['has been run on since', record(false, SESSION), new Set([SESSION])],
    ['was never made', undefined, new Set<string>()],
  ])('whose layer %s refuses a restored guest', (_what, known, existing) => {
    expect(() => told(line, { isRestored: true, record: known, existing })).toThrow(
      expect.objectContaining({ code: 'DEVICE_FAILED' }),
    );
  });

  test('never takes over a file that is not ours', () => {
    expect(() => told(line, { existing: new Set([SESSION]) })).toThrow(
      expect.objectContaining({ code: 'DEVICE_FAILED', context: { path: SESSION } }),
    );
  });

  test('on a device, or served by another domain, is refused', () => {
    const bad = expect.objectContaining({ code: 'CONFIG_BAD_VALUE' });
    expect(() => told('/dev/vg/a:qcow2:xvda:w:disk:temporary')).toThrow(bad);
    expect(() => told(`${line}:backend-domid=3`)).toThrow(bad);
  });
});

describe('a coalescing disk', () => {
  const line = '/d/a.qcow2:qcow2:xvda:w:disk:coalesce';
  const both = (isKept: boolean) => ({
    record: record(isKept, COLLECTED, SESSION),
    existing: new Set([COLLECTED, SESSION]),
  });

  test('collects above its image, and has a layer of this boot above that', () => {
    expect(told(line)).toEqual([
      `run qemu-img create -q -f qcow2 -F qcow2 -b /d/a.qcow2 ${COLLECTED} (lasting)`,
      `run qemu-img create -q -f qcow2 -F qcow2 -b ${COLLECTED} ${SESSION} (lasting)`,
      `qcow2: {"kind":"path","path":"${SESSION}"}`,
    ]);
  });

  test('collects what the last boot changed before the next', () => {
    expect(told(line, both(false)).slice(0, 3)).toEqual([
      `run qemu-img commit -q -d -f qcow2 ${SESSION}`,
      `remove {"path":"${SESSION}"}`,
      `run qemu-img create -q -f qcow2 -F qcow2 -b ${COLLECTED} ${SESSION} (lasting)`,
    ]);
  });

  test('was killed after collecting: nothing is collected twice', () => {
    const between = { record: record(false, COLLECTED, SESSION), existing: new Set([COLLECTED]) };
    expect(told(line, between)).toHaveLength(2);
  });

  test('is left as it is for a restored guest, and refused to one whose boot is over', () => {
    expect(told(line, { ...both(true), isRestored: true })).toHaveLength(1);
    expect(() => told(line, { ...both(false), isRestored: true })).toThrow(
      expect.objectContaining({ code: 'DEVICE_FAILED' }),
    );
  });
});

describe('an encrypted temporary disk', () => {
  const line = '/d/a.qcow2:qcow2:xvda:w:disk:temporary-encrypted';
  const container = `${OWN}.snap.tmp.crypt`;
  const key = `/run/keys/${uuid}-xvda.key`;

  test('lies in a file that only a key in memory opens', () => {
    expect(told(line)).toEqual([
      expect.stringMatching(/^make-container .*snap.tmp.crypt.* \(session\)$/),
      expect.stringMatching(/^make-key .*\/run\/keys.* \(secret\)$/),
      expect.stringMatching(/^map .*"keySizeBits":512.* \(held\)$/),
      `run qemu-img create -q -f qcow2 -F qcow2 -b /d/a.qcow2 /dev/mapper/xenvm-${uuid}-xvda-session`,
      expect.stringMatching(/^qcow2: .*session/),
    ]);
  });

  test('that was kept is opened with its key, and begun anew without', () => {
    const known = record(true, container, key);
    expect(told(line, { record: known, existing: new Set([container, key]) })).toEqual([
      expect.stringMatching(/^map /),
      expect.anything(),
    ]);
    expect(told(line, { record: known, existing: new Set([container]) })[0]).toMatch(/^remove /);
  });
});

describe('an encrypted disk', () => {
  const crypt = 'key-file=/k:cipher=aes-xts-plain64:key-size=512';

  test('of blocks is decrypted as it is', () => {
    expect(told(`/dev/vg/a:phy:xvda:r:disk::${crypt}`)).toEqual([
      `map ${JSON.stringify({ source: { kind: 'path', path: '/dev/vg/a' }, name: `xenvm-${uuid}-xvda`, cipher: 'aes-xts-plain64', keySizeBits: 512, keyPath: '/k', readOnly: true })} (held)`,
      `raw: {"kind":"mapping","name":"xenvm-${uuid}-xvda"}`,
    ]);
  });

  test('in an image becomes a block device first, above its layer', () => {
    const kinds = told(`/d/a.vhd:vhd:xvda:w:disk:temporary:${crypt}`).map(
      (step) => step.split(' ')[0],
    );
    expect(kinds).toEqual(['run', 'export', 'map', 'raw:']);
  });

  test('whose keys are inside of the vhd is left to tapdisk', () => {
    expect(told('/d/a.vhd:vhd:xvda:w:disk::key-dir=/keys')).toEqual([
      expect.stringContaining('"how":"tap"'),
      'raw: {"kind":"export"}',
    ]);
  });
});

describe('a scripted disk', () => {
  const script = '/usr/sbin/prepare-system-snapshot';

  test.each([
    ['scripted', `-i /d/a.vhd -s /d/a.snap.tmp.vhd -u ${uuid}`, '/d/a.snap.tmp.vhd'],
    ['scripted-author', `-i /d/a.vhd -s /d/a.snap.tmp.vhd -u ${uuid} --author-mode`, '/d/a.vhd'],
    ['scripted-no-snapshot', `-i /d/a.vhd -u ${uuid} --no-snapshot`, '/d/a.vhd'],
  ])('%s', (mode, args, path) => {
    expect(told(`/d/a.vhd:vhd:xvda:w:disk:${mode}`)).toEqual([
      `script ${script} ${args}`,
      `vhd: {"kind":"path","path":"${path}"}`,
    ]);
  });

  test('of the author recovers from a failure, once', () => {
    const line = '/d/a.vhd:vhd:xvda:w:disk:scripted-author';
    expect(told(line, { hasScriptFailed: true })[0]).toContain('--recovery --author-mode');
  });

  test('is not touched for a restored guest', () => {
    expect(told('/d/a.vhd:vhd:xvda:w:disk:scripted', { isRestored: true })).toHaveLength(1);
  });
});
