import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { defaultConfig } from '../config/config-keys.ts';
import { changedKeys, installNext, pendingConfig, stageConfig } from './config-slots.ts';
import { stageTimeoutMs } from './deadlines.ts';
import { lifeDiagram, stepLife, type LifeEvent } from './machine.ts';
import { decideReaction, guestEnd, type EndFacts } from './reaction.ts';
import type { LifeState } from './states.ts';

const CONFIG = defaultConfig({ hasFile: true });

/** What was published on the way. */
function lifeOf(start: LifeState, ...events: readonly LifeEvent[]): readonly LifeState[] {
  let state = start;
  return events.map((event) => {
    const step = stepLife(state, event);
    if (step.kind === 'denied') throw new Error(`${event} cannot happen in ${state}`);
    state = step.state;
    return state;
  });
}

describe('the life of a VM', () => {
  test.each([
    [
      'a start',
      'shutdown',
      ['create', 'built', 'attached', 'run'],
      'creating-domain creating-devices created running',
    ],
    [
      'a start that fails',
      'shutdown',
      ['create', 'built', 'gone'],
      'creating-domain creating-devices shutdown',
    ],
    ['a halt', 'running', ['go-down', 'gone'], 'shutdowning shutdown'],
    ['a halt that the guest ignores', 'running', ['go-down', 'run'], 'shutdowning running'],
    [
      'a reboot without a start',
      'running',
      ['go-down', 'reboot-down', 'rebooted'],
      'shutdowning rebooting rebooted',
    ],
    [
      'a reboot with a start',
      'running',
      ['go-down', 'reboot-down', 'create'],
      'shutdowning rebooting creating-domain',
    ],
    ['a suspension', 'running', ['suspend', 'saved'], 'suspending suspended'],
    ['a suspension of a paused VM that fails', 'paused', ['suspend', 'pause'], 'suspending paused'],
    [
      'a restoration',
      'suspended',
      ['restore', 'create', 'built', 'attached', 'pause'],
      'restoring creating-domain creating-devices created paused',
    ],
    ["a guest's own reboot", 'running', ['rebooted', 'create'], 'rebooted creating-domain'],
    ['a crash that is preserved', 'running', ['preserve', 'gone'], 'preserved shutdown'],
    ['a monitor that finds its VM running', 'shutdown', ['run'], 'running'],
  ] as const)('%s', (_what, start, events, states) => {
    expect(lifeOf(start, ...events).join(' ')).toBe(states);
  });

  test.each([
    ['create', 'running'],
    ['pause', 'suspended'],
    ['suspend', 'created'],
    ['saved', 'running'],
    ['go-down', 'shutdowning'],
  ] as const)('%s is denied in %s', (event, state) => {
    expect(stepLife(state, event)).toMatchObject({ kind: 'denied', state });
  });

  test('is drawn from the table', () => {
    expect(lifeDiagram()).toContain('  created --> running: run\n');
  });
});

describe('the end of a guest', () => {
  test.each([
    ['poweroff', 'halted'],
    ['reboot', 'rebooted'],
    ['crash', 'crashed'],
    ['watchdog', 'watchdog'],
    ['soft-reset', 'soft-reset'],
    ['unknown-9', 'shutdown[9]'],
    ['gone', 'vanished'],
    [undefined, 'crashed'],
  ] as const)('%s is told as %s', (reason, end) => {
    expect(guestEnd(reason)).toBe(end);
  });

  const facts = (change: Partial<EndFacts>): EndFacts => ({
    end: 'crashed',
    actions: CONFIG,
    livedMs: 3_600_000,
    quickEnds: 0,
    ...change,
  });

  test.each([
    ['halted', 'destroy'],
    ['rebooted', 'restart'],
    ['crashed', 'destroy'],
    ['watchdog', 'destroy'],
    ['soft-reset', 'restart'],
    ['vanished', 'destroy'],
    ['shutdown[9]', 'destroy'],
    ['suspended', 'none'],
  ] as const)('%s leads by default to %s', (end, action) => {
    expect(decideReaction(facts({ end })).action).toBe(action);
  });

  test('a crash is told as an error, as before', () => {
    expect(decideReaction(facts({})).errors).toEqual(['crashed']);
    expect(decideReaction(facts({ end: 'halted' })).errors).toEqual([]);
  });

  test('restarts wait longer and longer while the guest does not live, and are given up', () => {
    const actions = { ...CONFIG, onCrash: 'restart' } as const;
    const delays: (number | string)[] = [];
    let quickEnds = 0;
    for (let boot = 0; boot < 7; boot += 1) {
      const reaction = decideReaction(facts({ actions, livedMs: 500, quickEnds }));
      quickEnds = reaction.quickEnds;
      delays.push(reaction.isGivenUp ? reaction.action : reaction.delayMs);
    }
    expect(delays).toEqual([0, 1000, 2000, 4000, 8000, 'preserve', 'preserve']);
  });

  test('a guest that lived long enough starts the count anew', () => {
    const actions = { ...CONFIG, onCrash: 'restart' } as const;
    expect(decideReaction(facts({ actions, quickEnds: 5 }))).toMatchObject({
      action: 'restart',
      delayMs: 0,
      quickEnds: 0,
    });
  });
});

describe('the next configuration', () => {
  const next = { ...CONFIG, vcpus: 4, onCrash: 'restart' } as const;

  test('is what get shows, and counts only once it is installed', () => {
    const slots = stageConfig({ current: CONFIG }, next);
    expect(pendingConfig(slots).vcpus).toBe(4);
    expect(slots.current.vcpus).toBe(1);
    expect(changedKeys(slots)).toEqual(['vcpus']);
    expect(installNext(slots)).toEqual({ current: next });
  });

  test('brings its actions at once', () => {
    expect(stageConfig({ current: CONFIG }, next).current.onCrash).toBe('restart');
  });
});

test("a stage's deadline comes from the configuration where a key governs it", () => {
  expect(stageTimeoutMs('shut-down', { ...CONFIG, shutdownTimeoutSeconds: 5 })).toBe(5000);
  expect(stageTimeoutMs('destroy', CONFIG)).toBe(120_000);
});

test('the diagram in the README is that of the table', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(`\`\`\`mermaid\n${lifeDiagram()}\`\`\``);
});
