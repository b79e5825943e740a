import { describe, expect, test } from '@jest/globals';
import type { Clock } from '@xenops/core/host';
import { Bundler } from './bundler.ts';

/** Timers that fire when time is moved on. */
class Hand {
  nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();
  readonly clock = {
    startTimer: (delayMs: number, fire: () => void): Disposable => {
      const timer = { atMs: this.nowMs + delayMs, fire };
      this.#timers.add(timer);
      return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
    },
  } as unknown as Clock;

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers].filter(({ atMs }) => atMs <= this.nowMs)) {
      this.#timers.delete(timer);
      timer.fire();
    }
  }
}

describe('what happens often', () => {
  test('is told as often as the delay allows, however long it goes on', () => {
    const hand = new Hand();
    const told: number[] = [];
    using bundler = new Bundler(hand.clock, 500, () => told.push(hand.nowMs));
    for (let at = 0; at < 100; at += 1) {
      bundler.add('a');
      hand.pass(100);
    }
    expect(told).toHaveLength(20);
    expect(told[0]).toBe(500);
  });

  test('is told for each key by itself, and not once it is dropped', () => {
    const hand = new Hand();
    const told: string[] = [];
    using bundler = new Bundler(hand.clock, 500, (key) => told.push(key));
    for (const key of ['a', 'b', 'a', 'c']) bundler.add(key);
    bundler.drop('c');
    hand.pass(500);
    expect(told).toEqual(['a', 'b']);
    bundler.add('d');
    bundler[Symbol.dispose]();
    hand.pass(500);
    expect(told).toEqual(['a', 'b']);
  });
});
