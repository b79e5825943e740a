/** What the class adds to the addon: conversion, errors, abort, progress and disposal. The addon itself is made up. */
import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { DOM0, domid, evtchn, randomVmUuid } from '@xenops/core/ids';
import type { PvBuildSpec } from '@xenops/core/hypervisor';
import type { AddonBuildResult } from './addon-build.ts';
import type { Addon, AddonOperation, XcInterface } from './addon.ts';
import { addonError, failCall, fakeAddon, findAnyDomain } from './fake-addon.test-helper.ts';
import { nativeHypervisor, type NativeHypervisor } from './native-hypervisor.ts';

const XC = {} as XcInterface;
const DOMID = domid(7);
const RESULT: AddonBuildResult = { storeFrame: 1n, consoleFrame: 2n };
const SPEC: PvBuildSpec = {
  kind: 'pv',
  kernelPath: '/boot/kernel',
  cmdline: '',
  memoryKib: 1024,
  storeEvtchn: evtchn(1),
  storeDomid: DOM0,
  consoleEvtchn: evtchn(2),
  consoleDomid: DOM0,
};

function hypervisorOn(given: Partial<Record<keyof Addon, unknown>>): NativeHypervisor {
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
  return nativeHypervisor({ addon, xc: XC, version }, { kernelCache: undefined });
}

/** An operation that the test ends, and that ends as an abort when it is aborted. */
function heldOperation(): AddonOperation<AddonBuildResult> & { finish(): void } {
  let finish = (): void => undefined;
  let abort = (): void => undefined;
  const done = new Promise<AddonBuildResult>((resolve, reject) => {
    finish = (): void => {
      resolve(RESULT);
    };
    abort = (): void => {
      reject(addonError({ call: 'abort', errno: constants.errno.ECANCELED, stage: 'memory' }));
    };
  });
  return { done, abort, finish };
}

describe('verbs that answer at once', () => {
  test('pages become KiB and capability bits names', () => {
    const hypervisor = hypervisorOn({
      physInfo: () => ({
        cpuCount: 2,
        capabilities: 0b1010,
        totalPages: 100,
        freePages: 50,
        scrubPages: 1,
        outstandingPages: 2,
      }),
    });
    expect(hypervisor.physInfo()).toEqual({
      cpuCount: 2,
      capabilities: ['pv', 'hap'],
      totalMemoryKib: 400,
      freeMemoryKib: 200,
      scrubMemoryKib: 4,
      outstandingMemoryKib: 8,
    });
  });
  test('idle times get the number of their cpu', () => {
    const hypervisor = hypervisorOn({ pcpuIdleNs: () => BigUint64Array.of(5n, 6n) });
    expect(hypervisor.pcpuInfo()).toEqual([
      { cpu: 0, idleNs: 5n },
      { cpu: 1, idleNs: 6n },
    ]);
  });
  test('bytes of the console that are no UTF-8 are replaced', () => {
    const hypervisor = hypervisorOn({ consoleRing: () => Uint8Array.of(0x58, 0xff, 0x65) });
    expect(hypervisor.consoleRing()).toBe('X\ufffde');
  });
  test('a shutdown reason goes as its code', () => {
    const calls: unknown[][] = [];
    hypervisorOn({ shutdownDomain: (...args: unknown[]) => calls.push(args) }).shutdown(
      DOMID,
      'crash',
    );
    expect(calls).toEqual([[XC, 7, 3]]);
  });
  test('a failed call says what was being done to which domain', () => {
    const hypervisor = hypervisorOn({
      pauseDomain: () => failCall({ call: 'xc_domain_pause', errno: constants.errno.ESRCH }),
    });
    expect(() => {
      hypervisor.pause(DOMID);
    }).toThrow(
      expect.objectContaining({
        code: 'HYPERVISOR_NO_DOMAIN',
        message: 'Cannot pause domain 7: no domain has this domid',
        context: { domid: 7, call: 'xc_domain_pause', errno: 3, errnoName: 'ESRCH' },
      }),
    );
  });
  test('Dom0 is not even passed on', async () => {
    const hypervisor = hypervisorOn({});
    const refused: unknown = expect.objectContaining({ code: 'HYPERVISOR_BAD_ARGUMENT' });
    expect(() => {
      hypervisor.unpause(DOM0);
    }).toThrow('Cannot unpause domain 0: it is the control domain');
    await expect(hypervisor.destroy(DOM0)).rejects.toEqual(refused);
    await expect(hypervisor.buildDomain(DOM0, SPEC)).rejects.toEqual(refused);
  });
});

describe('long verbs', () => {
  test('a domain is created at once, one of many vcpus on a thread; it is told by its domid', async () => {
    const startCreateDomain = (): AddonOperation<number> => ({
      done: Promise.resolve(12),
      abort: () => undefined,
    });
    const hypervisor = hypervisorOn({ createDomain: () => 11, startCreateDomain });
    const spec = { uuid: randomVmUuid(), guestType: 'pv' } as const;
    expect(await hypervisor.createDomain({ ...spec, maxVcpus: 4 })).toBe(11);
    expect(await hypervisor.createDomain({ ...spec, maxVcpus: 5 })).toBe(12);
  });
  test('stages are told as progress, and only when somebody listens', async () => {
    const listeners: unknown[] = [];
    const startBuild = (...[, , , onStage]: Parameters<Addon['startBuild']>): unknown => {
      listeners.push(onStage);
      onStage?.('memory');
      return { done: Promise.resolve(RESULT), abort: () => undefined };
    };
    const hypervisor = hypervisorOn({ startBuild });
    const seen: unknown[] = [];
    expect(await hypervisor.buildDomain(DOMID, SPEC)).toEqual(RESULT);
    await hypervisor.buildDomain(DOMID, SPEC, { onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ stage: 'memory' }]);
    expect(listeners).toEqual([undefined, expect.any(Function)]);
  });
  test('a signal that has fired before starts nothing', async () => {
    const started: unknown[] = [];
    const hypervisor = hypervisorOn({ startBuild: () => started.push(1) });
    const signal = AbortSignal.abort();
    await expect(hypervisor.buildDomain(DOMID, SPEC, { signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(started).toEqual([]);
  });
  test('a signal that fires on the way ends it with ABORTED, the reason as its cause', async () => {
    const hypervisor = hypervisorOn({ startBuild: heldOperation });
    const controller = new AbortController();
    const built = hypervisor.buildDomain(DOMID, SPEC, { signal: controller.signal });
    const reason = new Error('the user left');
    controller.abort(reason);
    await expect(built).rejects.toMatchObject({
      code: 'ABORTED',
      context: { domid: 7, stage: 'memory' },
      cause: reason,
    });
  });
  test('disposal waits for it, closes once, and refuses what comes later', async () => {
    const operation = heldOperation();
    const closed: unknown[] = [];
    const closeInterface = (xc: unknown): number => closed.push(xc);
    const hypervisor = hypervisorOn({ startBuild: () => operation, closeInterface });
    const built = hypervisor.buildDomain(DOMID, SPEC);
    const disposed = hypervisor[Symbol.asyncDispose]();
    expect(closed).toEqual([]);
    operation.finish();
    expect(await built).toEqual(RESULT);
    await disposed;
    await hypervisor[Symbol.asyncDispose]();
    expect(closed).toEqual([XC]);
    expect(() => hypervisor.version()).toThrow(
      expect.objectContaining({ code: 'HYPERVISOR_UNAVAILABLE' }),
    );
  });
});
