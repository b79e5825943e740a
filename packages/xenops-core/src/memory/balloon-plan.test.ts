import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planBalloon, type BalloonGuest } from './balloon-plan.ts';

const guest = (domid: number, rest: Partial<BalloonGuest> = {}): BalloonGuest => ({
  domid,
  currentKib: 1000,
  targetKib: 1000,
  minKib: 400,
  ...rest,
});

describe('the plan', () => {
  test('asks nobody when there is enough', () => {
    const plan = planBalloon({ neededKib: 100, freeKib: 100, guests: [guest(1)] });
    expect(plan).toMatchObject({ kind: 'enough', steps: [] });
  });

  test('takes the same share of what each has above its minimum', () => {
    const guests = [guest(1), guest(2, { minKib: 700 })];
    const plan = planBalloon({ neededKib: 300, freeKib: 0, guests });
    expect(plan).toMatchObject({
      kind: 'enough',
      steps: [
        { domid: 1, fromKib: 1000, toKib: 800 },
        { domid: 2, fromKib: 1000, toKib: 900 },
      ],
    });
  });

  test('does not ask twice for what is on its way', () => {
    const guests = [guest(1, { currentKib: 1300 })];
    expect(planBalloon({ neededKib: 300, freeKib: 0, guests })).toMatchObject({ steps: [] });
  });

  test('says what is missing, and who is not asked and why', () => {
    const guests = [guest(1), guest(2, { excluded: 'it has no balloon driver' })];
    const plan = planBalloon({ neededKib: 1000, freeKib: 100, guests });
    expect(plan).toMatchObject({ kind: 'short', missingKib: 300 });
    expect(plan.explanation.join('\n')).toContain(
      'domain 2 is not asked: it has no balloon driver',
    );
  });

  test('always gives enough, never below a minimum, and no more than rounding costs', () => {
    const amounts = fc.nat(2 ** 30).map((kib) => kib * 4);
    const guests = fc.array(
      fc.tuple(amounts, amounts, fc.boolean()).map(([minKib, slack, isStuck]) => ({
        currentKib: minKib + slack,
        targetKib: minKib + slack,
        minKib,
        excluded: isStuck ? 'stuck' : undefined,
      })),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(amounts, amounts, guests, (neededKib, freeKib, all) => {
        const numbered = all.map((one, domid) => ({ ...one, domid }));
        const plan = planBalloon({ neededKib, freeKib, guests: numbered });
        const shortKib = Math.max(0, neededKib - freeKib);
        if (plan.kind === 'short') {
          const slack = numbered.map((one) =>
            one.excluded === undefined ? one.targetKib - one.minKib : 0,
          );
          expect(slack.reduce((a, b) => a + b, 0) + plan.missingKib).toBe(shortKib);
          return;
        }
        const given = plan.steps.reduce((total, step) => total + step.fromKib - step.toKib, 0);
        expect(given).toBeGreaterThanOrEqual(shortKib);
        expect(given - shortKib).toBeLessThanOrEqual(4 * plan.steps.length);
        for (const step of plan.steps) {
          const one = numbered.find(({ domid }) => domid === step.domid);
          expect(one?.excluded).toBeUndefined();
          expect(step.toKib).toBeGreaterThanOrEqual(one?.minKib ?? Infinity);
        }
      }),
    );
  });
});
