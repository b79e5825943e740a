import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planStart, planStop, type StartCandidate } from './plan-waves.ts';

function vm(uuid: string, more: Partial<StartCandidate> = {}): StartCandidate {
  const usual = { isWanted: true, priority: 0, slot: 0, dependencies: [], isRunning: false };
  return { uuid, ...usual, ...more };
}

describe('starting', () => {
  test('goes by priority, and within one wave by slot', () => {
    const vms = [vm('c', { slot: 3 }), vm('b', { slot: 1 }), vm('net', { priority: 10 })];
    expect(planStart(vms)).toEqual({ waves: [['net'], ['b', 'c']], blocked: [] });
  });

  test('starts what a VM needs before it, wanted or not, each once', () => {
    const vms = [
      vm('a', { priority: 5, dependencies: ['net'] }),
      vm('b', { dependencies: ['net', 'a'] }),
      vm('net', { isWanted: false, dependencies: ['usb'] }),
      vm('usb', { isWanted: false }),
      vm('other', { isWanted: false }),
    ];
    expect(planStart(vms)).toEqual({ waves: [['usb'], ['net'], ['a'], ['b']], blocked: [] });
  });

  test('leaves what runs alone', () => {
    const vms = [vm('a', { dependencies: ['net'] }), vm('net', { isRunning: true })];
    expect(planStart(vms).waves).toEqual([['a']]);
  });

  test('says of each VM that cannot start why, and starts the others', () => {
    const vms = [
      vm('a', { dependencies: ['b'] }),
      vm('b', { dependencies: ['c'] }),
      vm('c', { dependencies: ['a'] }),
      vm('d', { dependencies: ['a'] }),
      vm('e', { dependencies: ['gone'] }),
      vm('f', { dependencies: ['f'] }),
      vm('g'),
    ];
    expect(planStart(vms)).toEqual({
      waves: [['g']],
      blocked: [
        { uuid: 'a', reason: { kind: 'cycle', through: ['a', 'b', 'c'] } },
        { uuid: 'b', reason: { kind: 'cycle', through: ['b', 'c', 'a'] } },
        { uuid: 'c', reason: { kind: 'cycle', through: ['c', 'a', 'b'] } },
        { uuid: 'd', reason: { kind: 'dependency', uuid: 'a' } },
        { uuid: 'e', reason: { kind: 'missing', uuid: 'gone' } },
        { uuid: 'f', reason: { kind: 'cycle', through: ['f'] } },
      ],
    });
  });

  test('never starts a VM before what it needs, and plans or blocks every wanted one', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const candidate = fc.record({
      isWanted: fc.boolean(),
      priority: fc.integer({ min: 0, max: 2 }),
      slot: fc.integer({ min: 0, max: 2 }),
      dependencies: fc.uniqueArray(fc.constantFrom(...names, 'gone'), { maxLength: 2 }),
      isRunning: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.tuple(...names.map(() => candidate)), (records) => {
        const vms = records.map((record, at) => ({ ...record, uuid: names[at] ?? '' }));
        const { waves, blocked } = planStart(vms);
        const ready = new Set(vms.filter(({ isRunning }) => isRunning).map(({ uuid }) => uuid));
        for (const wave of waves) {
          const needs = vms.filter(({ uuid }) => wave.includes(uuid));
          expect(needs.flatMap((it) => it.dependencies).filter((it) => !ready.has(it))).toEqual([]);
          expect(wave.filter((uuid) => ready.has(uuid))).toEqual([]);
          for (const uuid of wave) ready.add(uuid);
        }
        const wanted = vms.filter(({ isWanted, isRunning }) => isWanted && !isRunning);
        const seen = [...waves.flat(), ...blocked.map(({ uuid }) => uuid)];
        expect(wanted.filter(({ uuid }) => !seen.includes(uuid))).toEqual([]);
        expect(blocked.filter(({ uuid }) => ready.has(uuid))).toEqual([]);
      }),
    );
  });
});

describe('stopping', () => {
  const running = (
    uuid: string,
    shutdownPriority = 0,
    ...dependencies: readonly string[]
  ): { uuid: string; shutdownPriority: number; dependencies: readonly string[] } => ({
    uuid,
    shutdownPriority,
    dependencies,
  });

  test('goes by priority, highest first, and equal ones together', () => {
    expect(planStop([running('a', -5), running('b'), running('c'), running('d', 3)])).toEqual([
      ['d'],
      ['b', 'c'],
      ['a'],
    ]);
  });

  test('stops nothing that another still needs', () => {
    expect(planStop([running('net', 10), running('a', 0, 'net'), running('b', -1)])).toEqual([
      ['a'],
      ['net'],
      ['b'],
    ]);
  });

  test('gets through a cycle', () => {
    expect(planStop([running('a', 1, 'b'), running('b', 0, 'a')])).toEqual([['a'], ['b']]);
  });
});
