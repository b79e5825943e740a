import { describe, expect, test } from '@jest/globals';
import { HandClock, outcomeOf } from '../host/hand-clock.test-helper.ts';
import { throwIfAborted, withDeadline } from './deadline.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const ABORTED = expect.objectContaining({ code: 'ABORTED' });

describe('withDeadline', () => {
  test('rejects with TIMEOUT that names what was awaited and what was last seen', async () => {
    const clock = new HandClock();
    let state = 'initialising';
    const waiting = withDeadline(
      { what: 'the disk of domain 7', lastState: () => state },
      { timeoutMs: 2500, clock },
      never,
    );
    state = 'closing';
    await clock.advance(2499);
    expect(await outcomeOf(waiting)).toBe('pending');
    const rejected = expect(waiting).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/2\.5 s.*the disk of domain 7/),
      context: { timeoutMs: 2500, lastState: 'closing' },
    });
    await clock.advance(1);
    await rejected;
  });

  test('leaves the last state out of the error where nobody knows it', async () => {
    const clock = new HandClock();
    const waiting = withDeadline({ what: 'it' }, { timeoutMs: 10, clock }, never);
    const rejected = expect(waiting).rejects.toMatchObject({ context: { timeoutMs: 10 } });
    await clock.advance(10);
    await rejected;
    await expect(waiting).rejects.not.toHaveProperty('context.lastState');
  });

  test('fires the signal that the work was given, on time-out and on abort', async () => {
    const clock = new HandClock();
    const given: AbortSignal[] = [];
    const start = (signal: AbortSignal): Promise<never> => {
      given.push(signal);
      return never();
    };
    const caller = new AbortController();
    const timedOut = withDeadline({ what: 'one' }, { timeoutMs: 5, clock }, start);
    const stopped = withDeadline(
      { what: 'two' },
      { timeoutMs: 50, clock, signal: caller.signal },
      start,
    );
    const both = Promise.allSettled([timedOut, stopped]);
    await clock.advance(5);
    expect(given.map(({ aborted }) => aborted)).toEqual([true, false]);
    caller.abort();
    await both;
    expect(given.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(given[0]?.reason).toMatchObject({ code: 'TIMEOUT' });
    expect(given[1]?.reason).toMatchObject({ code: 'ABORTED' });
  });

  test('does not even start when the signal has fired before', async () => {
    const clock = new HandClock();
    let isStarted = false;
    const waiting = withDeadline(
      { what: 'it' },
      { timeoutMs: 5, clock, signal: AbortSignal.abort(new Error('interrupted')) },
      async () => {
        isStarted = true;
      },
    );
    await expect(waiting).rejects.toMatchObject({
      code: 'ABORTED',
      cause: { message: 'interrupted' },
    });
    expect(isStarted).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test('rejects with ABORTED and the reason when the signal fires during the wait', async () => {
    const clock = new HandClock();
    const caller = new AbortController();
    const options = { timeoutMs: 5, clock, signal: caller.signal };
    const waiting = withDeadline({ what: 'the guest' }, options, never);
    caller.abort(new Error('interrupted'));
    await expect(waiting).rejects.toMatchObject({
      code: 'ABORTED',
      message: expect.stringContaining('the guest'),
      cause: { message: 'interrupted' },
    });
    expect(clock.timerCount).toBe(0);
  });

  test('gives the result, and leaves no timer and no deadline behind', async () => {
    const clock = new HandClock();
    const caller = new AbortController();
    let given: AbortSignal | undefined;
    const options = { timeoutMs: 5, clock, signal: caller.signal };
    const result = await withDeadline({ what: 'it' }, options, async (signal) => {
      given = signal;
      return 'done';
    });
    expect(result).toBe('done');
    expect(clock.timerCount).toBe(0);
    caller.abort();
    await clock.advance(100);
    expect(given?.aborted).toBe(false);
  });

  test.each([
    [
      'throws at once',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ] as const)('passes on what the work %s with, and disposes the timer', async (_how, start) => {
    const clock = new HandClock();
    await expect(withDeadline({ what: 'it' }, { timeoutMs: 5, clock }, start)).rejects.toThrow(
      'broken',
    );
    expect(clock.timerCount).toBe(0);
  });

  test('still times out when the last state cannot be told', async () => {
    const clock = new HandClock();
    const lastState = (): string => {
      throw new Error('unreadable');
    };
    const waiting = withDeadline({ what: 'it', lastState }, { timeoutMs: 5, clock }, never);
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(5);
    await rejected;
  });
});

describe('throwIfAborted', () => {
  test('throws once the signal has fired, and never without one', () => {
    const caller = new AbortController();
    expect(() => throwIfAborted(undefined, 'it')).not.toThrow();
    expect(() => throwIfAborted(caller.signal, 'it')).not.toThrow();
    caller.abort();
    expect(() => throwIfAborted(caller.signal, 'it')).toThrow(ABORTED);
  });
});
