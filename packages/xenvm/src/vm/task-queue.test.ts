import { describe, expect, test } from '@jest/globals';
import { QUEUE_MAX, TaskQueue } from './task-queue.ts';

/** Work that ends when it is told to, or when it is called off. */
function held(name: string, overtakes = false) {
  let finish: (value: string) => void = () => undefined;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const work = {
    name,
    overtakes,
    run: (signal: AbortSignal) =>
      new Promise<string>((resolve, reject) => {
        begin();
        finish = resolve;
        signal.addEventListener('abort', () => reject(new Error('called off')));
      }),
  };
  return { work, begun, finish: (): void => finish(`${name} done`) };
}

describe('the queue of a VM', () => {
  test('does one thing at a time, in order', async () => {
    const queue = new TaskQueue();
    const [first, second] = [held('first'), held('second')];
    const results = [queue.run(first.work), queue.run(second.work)];
    await first.begun;
    expect(queue.names).toEqual(['first', 'second']);
    first.finish();
    await second.begun;
    second.finish();
    expect(await Promise.all(results)).toEqual(['first done', 'second done']);
  });

  test('goes on after work that fails', async () => {
    const queue = new TaskQueue();
    const failing = queue.run({
      name: 'bad',
      overtakes: false,
      run: () => Promise.reject(new Error('broken')),
    });
    const next = queue.run({ name: 'good', overtakes: false, run: () => Promise.resolve(1) });
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe(1);
  });

  test('lets forced work call off what runs and waits, and go first', async () => {
    const queue = new TaskQueue();
    const [halt, start, destroy] = [held('halt'), held('start'), held('destroy', true)];
    const outcomes = [queue.run(halt.work), queue.run(start.work)].map((each) =>
      each.catch((error: unknown) => error),
    );
    await halt.begun;
    const forced = queue.run(destroy.work);
    for (const outcome of outcomes) {
      expect(await outcome).toMatchObject({ code: 'VM_OVERTAKEN', context: { by: 'destroy' } });
    }
    await destroy.begun;
    destroy.finish();
    expect(await forced).toBe('destroy done');
  });

  test('lets forced work finish before further forced work', async () => {
    const queue = new TaskQueue();
    const [one, two] = [held('destroy', true), held('halt', true)];
    const first = queue.run(one.work);
    const second = queue.run(two.work);
    await one.begun;
    one.finish();
    expect(await first).toBe('destroy done');
    await two.begun;
    two.finish();
    await second;
  });

  test('calls off work whose caller does, running or waiting', async () => {
    const queue = new TaskQueue();
    const [running, waiting] = [held('running'), held('waiting')];
    const [one, two] = [new AbortController(), new AbortController()];
    const results = [
      queue.run({ ...running.work, signal: one.signal }),
      queue.run({ ...waiting.work, signal: two.signal }),
    ].map((each) => each.catch((error: unknown) => error));
    await running.begun;
    two.abort();
    expect(await results[1]).toMatchObject({ code: 'ABORTED' });
    expect(queue.names).toEqual(['running']);
    one.abort();
    await results[0];
    await queue.idle();
  });

  test('refuses more than it holds, but never a forced stop', async () => {
    const queue = new TaskQueue();
    const running = held('running');
    const all = [queue.run(running.work).catch(() => 'off')];
    await running.begun;
    for (let index = 0; index < QUEUE_MAX; index += 1) {
      all.push(queue.run(held('more').work).catch(() => 'off'));
    }
    await expect(queue.run(held('too many').work)).rejects.toMatchObject({ code: 'VM_BUSY' });
    const forced = held('destroy', true);
    const done = queue.run(forced.work);
    await forced.begun;
    forced.finish();
    await done;
    expect(new Set(await Promise.all(all))).toEqual(new Set(['off']));
  });

  test('that is closed calls everything off, takes nothing more, and is idle', async () => {
    const queue = new TaskQueue();
    const running = held('running');
    const result = queue.run(running.work).catch((error: unknown) => error);
    await running.begun;
    await queue[Symbol.asyncDispose]();
    expect(await result).toMatchObject({ code: 'VM_CLOSING' });
    await expect(queue.run(held('late').work)).rejects.toMatchObject({ code: 'VM_CLOSING' });
  });
});
