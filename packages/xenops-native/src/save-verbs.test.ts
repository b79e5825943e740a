/** What saving and restoring add to the addon: its questions put to the caller, errors, progress. The addon is made up. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { DOM0, domid, evtchn } from '@xenops/core/ids';
import type { Progress, SaveRestore } from '@xenops/core/hypervisor';
import type { AddonSaveQuestion } from './addon-build.ts';
import type { Addon, XcInterface } from './addon.ts';
import { Connection } from './connection.ts';
import { addonError, fakeAddon, findAnyDomain } from './fake-addon.test-helper.ts';
import { saveVerbs } from './save-verbs.ts';

const DOMID = domid(7);
const suspend = (): Promise<void> => Promise.resolve();

function verbsOn(given: Partial<Record<keyof Addon, unknown>>): SaveRestore {
  const version = {
    major: 4,
    minor: 17,
    extra: '',
    changeset: '',
    compileDate: '',
    compiler: '',
    capabilities: '',
    commandLine: '',
    pageSizeBytes: 4096,
  };
  const addon = fakeAddon({ findDomain: findAnyDomain(), ...given });
  return saveVerbs(new Connection({ addon, xc: {} as XcInterface, version }));
}

type StartSave = Parameters<Addon['startSave']>;

/** Asks these one after the other and fails on a refusal, as libxenguest does; `answers` gets what it was told. */
function asking(
  questions: readonly AddonSaveQuestion[],
  answers: number[] = [],
): Partial<Record<keyof Addon, unknown>> {
  const startSave = (...[, , , onQuestion]: StartSave): unknown => {
    const ask = async (): Promise<void> => {
      for (const question of questions) {
        const answer = await new Promise<number>((reply) => {
          onQuestion(question, reply);
        });
        answers.push(answer);
        const isRefused = question.kind === 'suspend' ? answer === 0 : answer < 0;
        if (isRefused) throw addonError({ call: 'xc_domain_save' });
      }
    };
    return { done: ask(), abort: () => undefined };
  };
  return { startSave };
}

test('whoever saves hears questions and stages in their own asynchronous context, whichever the addon calls in', async () => {
  const caller = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const see = (): void => {
    seen.push(caller.getStore());
  };
  const startSave = (...[, , , onQuestion, onStage]: StartSave): unknown => {
    const ask = async (): Promise<void> => {
      onStage?.('suspend');
      await new Promise((reply) => {
        onQuestion({ kind: 'suspend' }, reply);
      });
    };
    return { done: caller.run('another', ask), abort: () => undefined };
  };
  const saves = verbsOn({ startSave });
  const seeAndSuspend = async (): Promise<void> => {
    see();
    await suspend();
  };
  const spec = { fd: 3, suspend: seeAndSuspend };
  await caller.run('ours', () => saves.saveDomain(DOMID, spec, { onProgress: see }));
  expect(seen).toEqual(['ours', 'ours']);
});

describe('the questions of a save', () => {
  test('each goes to its function, and the answers are those of libxenguest', async () => {
    const answers: number[] = [];
    const seen: unknown[] = [];
    const questions: readonly AddonSaveQuestion[] = [
      { kind: 'dirty-tracking', enabled: true },
      { kind: 'round', iteration: 0, totalPages: 0, dirtyPages: 9 },
      { kind: 'suspend' },
    ];
    const onRound = (round: unknown): 'suspend' => {
      seen.push(round);
      return 'suspend';
    };
    const setQemuDirtyTracking = (enabled: boolean): Promise<void> => {
      seen.push(enabled);
      return Promise.resolve();
    };
    await verbsOn(asking(questions.slice(0, 2), answers)).saveDomain(DOMID, {
      fd: 1,
      suspend,
      onRound,
      setQemuDirtyTracking,
    });
    await verbsOn(asking(questions.slice(2), answers)).saveDomain(DOMID, { fd: 1, suspend });
    expect(answers).toEqual([0, 1, 1]);
    expect(seen).toEqual([true, expect.objectContaining({ iteration: 0, dirtyPages: 9 })]);
  });
  test('a container without a device model has nothing to track', async () => {
    const answers: number[] = [];
    const ask = asking([{ kind: 'dirty-tracking', enabled: true }], answers);
    await verbsOn(ask).saveDomain(DOMID, { fd: 1, suspend });
    expect(answers).toEqual([0]);
  });
  test('a guest that does not suspend fails the save with the error of whoever asked it', async () => {
    const error = new Error('the guest does not answer');
    const saved = verbsOn(asking([{ kind: 'suspend' }])).saveDomain(DOMID, {
      fd: 1,
      suspend: () => Promise.reject(error),
    });
    await expect(saved).rejects.toBe(error);
  });
  test('a policy that throws gives up with its error', async () => {
    const error = new Error('no policy');
    const question = { kind: 'round', iteration: 0, totalPages: 0, dirtyPages: 1 } as const;
    const saved = verbsOn(asking([question])).saveDomain(DOMID, {
      fd: 1,
      suspend,
      onRound: () => {
        throw error;
      },
    });
    await expect(saved).rejects.toBe(error);
  });
  test('an abort waits for a suspension under way, and is what is told', async () => {
    const order: string[] = [];
    let letSuspendEnd = (): void => undefined;
    let abort = (): void => undefined;
    const startSave = (...[, , , onQuestion]: StartSave): unknown => {
      onQuestion({ kind: 'suspend' }, () => undefined);
      const done = new Promise<void>((_, reject) => {
        abort = (): void => {
          order.push('aborted');
          reject(addonError({ call: 'abort', errno: constants.errno.ECANCELED, stage: 'suspend' }));
        };
      });
      return {
        done,
        abort: () => {
          abort();
        },
      };
    };
    const controller = new AbortController();
    const saved = verbsOn({ startSave }).saveDomain(
      DOMID,
      {
        fd: 1,
        suspend: async () => {
          await new Promise<void>((resolve) => (letSuspendEnd = resolve));
          order.push('suspend ended');
        },
      },
      { signal: controller.signal },
    );
    controller.abort();
    letSuspendEnd();
    await expect(saved).rejects.toMatchObject({ code: 'ABORTED', context: { domid: 7 } });
    expect(order).toEqual(['aborted', 'suspend ended']);
  });
});

test('pages are told with their stage', async () => {
  const startSave = (...[, , , , onStage]: StartSave): unknown => {
    onStage?.('memory');
    onStage?.('memory', 1024, 4096);
    return { done: Promise.resolve(), abort: () => undefined };
  };
  const seen: Progress[] = [];
  const onProgress = (progress: Progress): void => void seen.push(progress);
  await verbsOn({ startSave }).saveDomain(DOMID, { fd: 1, suspend }, { onProgress });
  expect(seen).toEqual([{ stage: 'memory' }, { stage: 'memory', done: 1024, total: 4096 }]);
});

test('no domain is told as such before anything is read or written', async () => {
  const verbs = verbsOn({ findDomain: () => false });
  const missing = { code: 'HYPERVISOR_NO_DOMAIN', context: { domid: 7 } };
  await expect(verbs.saveDomain(DOMID, { fd: 1, suspend })).rejects.toMatchObject(missing);
  const rings = {
    storeEvtchn: evtchn(1),
    storeDomid: DOM0,
    consoleEvtchn: evtchn(2),
    consoleDomid: DOM0,
  };
  const spec = { fd: 1, guestType: 'pvh', memoryKib: 1024, ...rings } as const;
  await expect(verbs.restoreDomain(DOMID, spec)).rejects.toMatchObject(missing);
});
