import { expect, test } from '@jest/globals';
import { EventQueue, QUEUE_MAX, type EventHandler } from './event-queue.ts';

function queueOf<Event>(
  handlers: readonly EventHandler<Event>[],
  errors: unknown[] = [],
): EventQueue<Event> {
  return new EventQueue({ handlers, onError: (error, doing) => errors.push([doing, error]) });
}

/** A promise and what resolves it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test('events are handled one after the other, by every handler in turn', async () => {
  const seen: string[] = [];
  await using queue = queueOf<number>([
    async (event) => {
      seen.push(`first ${event}`);
      await Promise.resolve();
    },
    (event) => void seen.push(`second ${event}`),
  ]);
  queue.post(1);
  queue.post(2);
  await queue.drained();
  expect(seen).toEqual(['first 1', 'second 1', 'first 2', 'second 2']);
});

test('an event that a handler posts comes after those that wait', async () => {
  const seen: string[] = [];
  await using queue = queueOf<string>([
    (event) => {
      seen.push(event);
      if (event === 'a') queue.post('from a');
    },
  ]);
  queue.post('a');
  queue.post('b');
  await queue.drained();
  expect(seen).toEqual(['a', 'b', 'from a']);
});

test('20,000 events of many senders arrive in the order of each while jobs block', async () => {
  const SENDERS = 20;
  const EVENTS = 1000;
  const blocked = gate();
  const errors: unknown[] = [];
  const seen = Array.from({ length: SENDERS }, (): number[] => []);
  const queues = seen.map((list) =>
    queueOf<number>(
      [
        (event, { startJob }) => {
          list.push(event);
          if (event % 100 === 0) startJob('blocks', () => blocked.opened);
        },
      ],
      errors,
    ),
  );
  for (let event = 0; event < EVENTS; event += 1) for (const queue of queues) queue.post(event);
  await Promise.all(queues.map((queue) => queue.drained()));
  const inOrder = [...Array(EVENTS).keys()];
  for (const list of seen) expect(list).toEqual(inOrder);
  blocked.open();
  await Promise.all(queues.map((queue) => queue.close()));
  expect(errors).toEqual([]);
});

test('a handler that hangs holds up its own VM only', async () => {
  const hang = gate();
  const seen: string[] = [];
  const slow = queueOf<string>([() => hang.opened]);
  await using other = queueOf<string>([(event) => void seen.push(event)]);
  slow.post('x');
  other.post('y');
  await other.drained();
  expect(seen).toEqual(['y']);
  hang.open();
  await slow.close();
});

test('what a handler or a job throws is told, and the rest goes on', async () => {
  const errors: unknown[] = [];
  const seen: string[] = [];
  await using queue = queueOf<string>(
    [
      () => {
        throw new Error('handler');
      },
      (event, { startJob }) => {
        seen.push(event);
        startJob('hook', async () => {
          throw new Error('job');
        });
      },
    ],
    errors,
  );
  queue.post('a');
  await queue.drained();
  await queue.close();
  expect(seen).toEqual(['a']);
  expect(errors).toEqual([
    ['handling an event', new Error('handler')],
    ['hook', new Error('job')],
  ]);
});

test('closing stops the jobs, waits for them, and takes no more events', async () => {
  let stopped = false;
  const queue = queueOf<string>([
    (_event, { startJob }) =>
      startJob('long', async (signal) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        stopped = true;
      }),
  ]);
  queue.post('a');
  await queue.drained();
  await queue.close();
  expect(stopped).toBe(true);
  expect(queue.post('b')).toBe(false);
});

test('a full queue says so', async () => {
  const hang = gate();
  const queue = queueOf<number>([() => hang.opened]);
  for (let event = 0; event < QUEUE_MAX; event += 1) expect(queue.post(event)).toBe(true);
  expect(queue.post(0)).toBe(false);
  hang.open();
  await queue.close();
});
