/** A guest that rewrites a node all the time does not keep Dom0's transactions on it from committing (XSA-206). */
import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../time/virtual-clock.ts';
import { ConflictRate } from './conflict-rate.ts';
import { GuestScene } from './guest-scene.test-helper.ts';

const HOSTILE = 7;
const NODE = `/local/domain/${HOSTILE}/data`;

describe('credits of a domain', () => {
  const open = (
    domainCount = 1,
  ): { rate: ConflictRate; clock: VirtualClock; reports: string[] } => {
    const clock = new VirtualClock();
    const reports: string[] = [];
    const log = (text: string): void => void reports.push(text);
    return {
      rate: new ConflictRate({ clock, domainCount: () => domainCount, log }),
      clock,
      reports,
    };
  };
  const never = (): void => {
    throw new Error('There is nothing to wait for');
  };

  test('who has done no harm never waits', () => {
    expect(open().rate.mustWait(HOSTILE, never)).toBe(false);
  });

  test('ten failures are free, and the eleventh costs until its share has come back', () => {
    const { rate, clock, reports } = open(2);
    rate.charge(HOSTILE, 10);
    expect(rate.mustWait(HOSTILE, never)).toBe(false);
    rate.charge(HOSTILE, 1);
    let restored = 0;
    expect(rate.mustWait(HOSTILE, () => (restored += 1))).toBe(true);
    expect(rate.mustWait(HOSTILE, never)).toBe(true);
    clock.advance(4);
    expect(restored).toBe(0);
    clock.advance(1);
    expect(restored).toBe(1);
    expect(rate.mustWait(HOSTILE, never)).toBe(false);
    expect(reports).toHaveLength(1);
  });

  test('one domain in debt does not hold up another', () => {
    const { rate } = open();
    rate.charge(HOSTILE, 100);
    expect(rate.mustWait(HOSTILE, () => undefined)).toBe(true);
    expect(rate.mustWait(8, never)).toBe(false);
  });

  test('a number that was given back starts anew', () => {
    const { rate, clock } = open();
    rate.charge(HOSTILE, 100);
    expect(rate.mustWait(HOSTILE, never)).toBe(true);
    rate.forget(HOSTILE);
    expect(rate.mustWait(HOSTILE, never)).toBe(false);
    clock.advance(1000);
  });

  test('all domains together get a fixed rate, however many they are', () => {
    const { rate, clock } = open(100);
    const SECONDS = 2;
    let failures = 0;
    for (let ms = 0; ms < SECONDS * 1000; ms += 1) {
      for (let domid = 1; domid <= 100; domid += 1) {
        if (rate.mustWait(domid, () => undefined)) continue;
        rate.charge(domid, 1);
        failures += 1;
      }
      clock.advance(1);
    }
    expect(failures).toBeLessThan(100 * 11 + SECONDS * 400 + 100);
  });
});

test('most transactions of Dom0 commit while a guest rewrites what they have read', async () => {
  const clock = new VirtualClock();
  const scene = await GuestScene.open({ domids: [HOSTILE], clock });
  const { dom0 } = scene;
  dom0.write(NODE, '');
  let commits = 0;
  for (let ms = 0; ms < 1000; ms += 1) {
    const id = dom0.begin();
    dom0.read(NODE, id);
    scene.send(HOSTILE, { name: 'write', path: 'data', value: Buffer.from('v') });
    dom0.write(NODE, 'w', id);
    if (dom0.commit(id) === 'OK') commits += 1;
    clock.advance(1);
  }
  expect(commits).toBeGreaterThan(500);
  expect(scene.reports).toEqual([
    `Domain ${HOSTILE} makes too many transactions of others fail, and is slowed down`,
  ]);
});

test('a guest that writes beside the transactions of others is never slowed down', async () => {
  const scene = await GuestScene.open({ domids: [HOSTILE], clock: new VirtualClock() });
  const id = scene.dom0.begin();
  scene.dom0.read('/tool', id);
  for (let index = 0; index < 500; index += 1) {
    scene.send(HOSTILE, { name: 'write', path: 'data', value: Buffer.from(String(index)) });
    await Promise.resolve();
  }
  expect(scene.dom0.read(NODE)).toBe('499');
  expect(scene.dom0.commit(id)).toBe('OK');
});

test('what has waited is done in order when the guest is out of debt', async () => {
  const clock = new VirtualClock();
  const scene = await GuestScene.open({ domids: [HOSTILE], clock });
  scene.dom0.write(NODE, '');
  for (let index = 0; index < 20; index += 1) {
    const id = scene.dom0.begin();
    scene.dom0.read(NODE, id);
    scene.send(HOSTILE, { name: 'write', path: 'data', value: Buffer.from(String(index)) });
    await Promise.resolve();
  }
  expect(scene.dom0.read(NODE)).toBe('10');
  clock.advance(1000);
  await Promise.resolve();
  expect(scene.dom0.read(NODE)).toBe('19');
  expect(scene.received).toEqual(new Array<string>(20).fill(`${HOSTILE} OK`));
});
