import { describe, expect, test } from '@jest/globals';
import { CleanupStack } from './cleanup-stack.ts';

function stackOf(names: readonly string[], failing: readonly string[] = []) {
  const undone: string[] = [];
  const stack = new CleanupStack();
  for (const name of names) {
    stack.push(name, async () => {
      undone.push(name);
      await Promise.resolve();
      if (failing.includes(name)) throw new Error(`${name} is stuck`);
    });
  }
  return { stack, undone };
}

describe('leaving the scope by an error', () => {
  test('undoes every step, newest first', async () => {
    const { stack, undone } = stackOf(['first', 'second', 'third']);
    const work = async (): Promise<void> => {
      await using _undo = stack;
      throw new Error('the work failed');
    };
    await expect(work()).rejects.toThrow('the work failed');
    expect(undone).toEqual(['third', 'second', 'first']);
  });

  test('goes on after steps that fail, and reports each by name with its cause', async () => {
    const { stack, undone } = stackOf(['first', 'second', 'third'], ['third', 'first']);
    const error: unknown = await stack.unwind().catch((reason: unknown) => reason);
    expect(undone).toEqual(['third', 'second', 'first']);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({
      errors: [
        { message: expect.stringContaining('third'), cause: { message: 'third is stuck' } },
        { message: expect.stringContaining('first'), cause: { message: 'first is stuck' } },
      ],
    });
  });

  test('reports a step that throws at once like one that rejects', async () => {
    const stack = new CleanupStack();
    stack.push('a step', () => {
      throw new Error('at once');
    });
    await expect(stack.unwind()).rejects.toMatchObject({
      errors: [{ cause: { message: 'at once' } }],
    });
  });

  test('waits for each step before the one below it starts', async () => {
    const events: string[] = [];
    const stack = new CleanupStack();
    for (const name of ['below', 'above']) {
      stack.push(name, async () => {
        events.push(`${name} starts`);
        await new Promise((resolve) => void setImmediate(resolve));
        events.push(`${name} ends`);
      });
    }
    await stack.unwind();
    expect(events).toEqual(['above starts', 'above ends', 'below starts', 'below ends']);
  });
});

test('after release nothing is undone', async () => {
  const { stack, undone } = stackOf(['first', 'second']);
  {
    await using undo = stack;
    undo.release();
  }
  expect(undone).toEqual([]);
});

test('a step is undone once, however often the stack is unwound', async () => {
  const { stack, undone } = stackOf(['only']);
  await stack.unwind();
  await stack.unwind();
  expect(undone).toEqual(['only']);
});

test('what is pushed after a release is undone again', async () => {
  const { stack, undone } = stackOf(['kept']);
  stack.release();
  stack.push('new', () => void undone.push('new'));
  await stack.unwind();
  expect(undone).toEqual(['new']);
});
