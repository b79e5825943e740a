import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { statesFor, stepLife, TRANSITIONS, type LifeEvent } from './machine.ts';
import { hasDomain, LIFE_STATES, publishedState, STATE_NAMES, type LifeState } from './states.ts';

const EVENTS: readonly LifeEvent[] = TRANSITIONS.map(({ event }) => event);
const state = fc.constantFrom(...STATE_NAMES);
const event = fc.constantFrom(...EVENTS);

const reachable = (start: LifeState, events: readonly LifeEvent[]): ReadonlySet<LifeState> => {
  const seen = new Set<LifeState>([start]);
  for (const from of seen) {
    for (const next of events) {
      const step = stepLife(from, next);
      if (step.kind === 'moved') seen.add(step.state);
    }
  }
  return seen;
};

describe('the machine', () => {
  test('is total: every event in every state moves, or says in which states it could happen', () => {
    fc.assert(
      fc.property(state, event, (from, what) => {
        const step = stepLife(from, what);
        if (step.kind === 'moved') {
          expect(statesFor(what)).toContain(from);
          expect(STATE_NAMES).toContain(step.state);
        } else {
          expect(step.expected.length).toBeGreaterThan(0);
          expect(step.expected).not.toContain(from);
        }
      }),
    );
  });

  test('has one row for each event', () => {
    expect(new Set(EVENTS).size).toBe(TRANSITIONS.length);
  });

  test('reaches every state from shutdown', () => {
    expect([...reachable('shutdown', EVENTS)].sort()).toEqual([...STATE_NAMES].sort());
  });

  test.each(STATE_NAMES)('has a way out of %s that needs no destruction', (from) => {
    const others = EVENTS.filter(
      (what) => what !== 'gone' && stepLife(from, what).kind === 'moved',
    );
    // A dead domain that is preserved can only be taken away.
    expect(others.length).toBeGreaterThan(from === 'preserved' ? -1 : 0);
    expect(stepLife(from, 'gone')).toMatchObject({ kind: 'moved', state: 'shutdown' });
  });

  test('never stays in a state of an operation: each ends in a stable one', () => {
    for (const from of STATE_NAMES.filter((name) => !LIFE_STATES[name].isStable)) {
      const ends = [...reachable(from, EVENTS)].filter((name) => LIFE_STATES[name].isStable);
      expect(ends.length).toBeGreaterThan(1);
    }
  });
});

describe('effects', () => {
  test('a boot is forgotten exactly when no domain is left of it, or a new one begins', () => {
    for (const { from, to, effects, event: what } of TRANSITIONS) {
      const ends = from.some(hasDomain) && LIFE_STATES[to].domain === 'no';
      expect([what, effects.includes('forget-boot')]).toEqual([what, ends || what === 'create']);
    }
  });

  test('the next configuration is installed only where no domain runs with the current one', () => {
    for (const { to, effects } of TRANSITIONS) {
      if (effects.includes('install-next-config')) expect(LIFE_STATES[to].domain).toBe('no');
    }
  });

  test('every change is published last, so that who hears of it finds everything else done', () => {
    for (const { effects } of TRANSITIONS) expect(effects.at(-1)).toBe('publish');
  });
});

test('only the twelve states that clients know are published', () => {
  const known = [
    ...['creating-domain', 'creating-devices', 'created', 'running', 'paused', 'shutdowning'],
    ...['shutdown', 'rebooting', 'rebooted', 'suspending', 'suspended', 'restoring'],
  ];
  expect(new Set(STATE_NAMES.map(publishedState))).toEqual(new Set(known));
});

test('any sequence of events keeps track of the domain: none is made while one is there', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let now: LifeState = 'shutdown';
      for (const what of events) {
        const step = stepLife(now, what);
        if (what === 'create' && step.kind === 'moved') expect(hasDomain(now)).toBe(false);
        now = step.state;
      }
    }),
  );
});
