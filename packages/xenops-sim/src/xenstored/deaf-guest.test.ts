/** A guest that asks and watches but never reads costs nobody else anything, and the store no more than its quota. */
import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../time/virtual-clock.ts';
import { GuestScene } from './guest-scene.test-helper.ts';
import { WATCH_EVENT_TIMEOUT_MS } from './limits.ts';
import { defaultQuotas } from './quotas.ts';

const HEARING = 8;
const DEAF = 7;
const HOME = `/local/domain/${DEAF}`;
const { memoryBytes, outstanding } = defaultQuotas();

const openScene = (clock?: VirtualClock): Promise<GuestScene> =>
  GuestScene.open({ domids: [DEAF, HEARING], ...(clock && { clock }) });

describe('a guest that never reads', () => {
  test('holds up neither who writes where it watches nor another guest', async () => {
    const scene = await openScene();
    scene.send(DEAF, { name: 'watch', path: HOME, token: 't'.repeat(1000) });
    await Promise.resolve();
    scene.ring(DEAF).setReading(false);
    for (let index = 0; index < 6000; index += 1) {
      expect(scene.dom0.write(`${HOME}/n${index}`, 'v')).toBe('OK');
      expect(scene.dom0.rm(`${HOME}/n${index}`)).toBe('OK');
    }
    expect(scene.usage(DEAF, 'memory')).toBeLessThan(memoryBytes);
    expect(scene.usage(DEAF, 'memory')).toBeGreaterThan(memoryBytes / 2);
    expect(scene.reports).toEqual([
      `Domain ${DEAF} exceeds soft memory quota`,
      `Domain ${DEAF} exceeds hard memory quota, Xenstore interface to domain stalled`,
    ]);
    scene.received.length = 0;
    scene.send(HEARING, { name: 'write', path: 'x', value: Buffer.from('v') });
    await Promise.resolve();
    expect(scene.received).toEqual([`${HEARING} OK`]);
  });

  test('gets so many answers ahead, and the others in order when it reads', async () => {
    const scene = await openScene();
    scene.ring(DEAF).setReading(false);
    for (let index = 0; index < 500; index += 1) {
      scene.send(DEAF, { name: 'write', path: `w${index % 50}`, value: Buffer.from('v') });
    }
    expect(scene.usage(DEAF, 'outstanding')).toBe(outstanding);
    expect(scene.usage(DEAF, 'nodes')).toBe(1 + outstanding);
    expect(scene.received).toEqual([]);
    scene.ring(DEAF).setReading(true);
    while (scene.received.length < 500 && scene.usage(DEAF, 'outstanding') > 0)
      await Promise.resolve();
    expect(scene.received).toEqual(new Array<string>(500).fill(`${DEAF} OK`));
  });

  test('is cut off when more waits than any ring holds; its domain stays and can die', async () => {
    const scene = await openScene();
    scene.ring(DEAF).setReading(false);
    const value = Buffer.alloc(4000);
    for (let index = 0; index < 400; index += 1) {
      scene.send(DEAF, { name: 'write', path: 'w', value });
    }
    expect(scene.received).toContain(`${DEAF} is cut off`);
    expect(scene.usage(DEAF, 'nodes')).toBe(1);
    expect(scene.dom0.ask({ name: 'release', domid: String(DEAF) })).toBe('OK');
    expect(scene.dom0.read(HOME)).toBe('ENOENT');
  });

  test('cannot hold more than its memory in transactions, and is served again without them', async () => {
    const scene = await openScene();
    scene.send(DEAF, { name: 'write', path: 'w', value: Buffer.from('v') });
    const value = Buffer.alloc(1900);
    for (let id = 1; id <= 11; id += 1) {
      scene.send(DEAF, { name: 'transactionStart' });
      for (let index = 0; index < 140; index += 1) {
        scene.send(DEAF, { name: 'write', path: `n${index}`, value }, id);
        if (index % outstanding === 0) await Promise.resolve();
      }
      await Promise.resolve();
    }
    expect(scene.received).toContain(`${DEAF} EIO`);
    expect(scene.usage(DEAF, 'memory')).toBeLessThan(memoryBytes);
    scene.received.length = 0;
    scene.send(DEAF, { name: 'resetWatches' });
    scene.send(DEAF, { name: 'read', path: 'w' });
    await Promise.resolve();
    expect(scene.received).toEqual([`${DEAF} OK`, `${DEAF} v`]);
    expect(scene.usage(DEAF, 'memory')).toBeLessThan(1000);
  });

  test('finds events that are younger than 20 seconds, and every answer', async () => {
    const clock = new VirtualClock();
    const scene = await openScene(clock);
    scene.send(DEAF, { name: 'watch', path: HOME, token: 't' });
    await Promise.resolve();
    scene.ring(DEAF).setReading(false);
    scene.received.length = 0;
    const before = scene.usage(DEAF, 'memory');
    scene.dom0.write(`${HOME}/first`, '');
    scene.send(DEAF, { name: 'read', path: 'none' });
    scene.dom0.write(`${HOME}/second`, '');
    clock.advance(WATCH_EVENT_TIMEOUT_MS - 1);
    scene.dom0.write(`${HOME}/third`, '');
    scene.send(DEAF, { name: 'read', path: 'none' });
    clock.advance(1);
    scene.dom0.write(`${HOME}/first`, '');
    scene.ring(DEAF).setReading(true);
    const path = (name: string): string => `${DEAF} ${HOME}/${name} t`;
    const error = `${DEAF} ENOENT`;
    expect(scene.received).toEqual([error, path('third'), error, path('first')]);
    for (const name of ['first', 'second', 'third']) scene.dom0.rm(`${HOME}/${name}`);
    clock.advance(WATCH_EVENT_TIMEOUT_MS);
    expect(scene.usage(DEAF, 'memory')).toBe(before);
  });
});
