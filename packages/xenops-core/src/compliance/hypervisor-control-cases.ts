/** Cases about how an existing domain runs: resume, triggers, parameters, time, debugging, targets, cores. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DOM0 } from '../ids.ts';
import { TSC_MODES, type HvmParam } from '../hypervisor/hypervisor.ts';
import {
  build,
  find,
  pvSpec,
  rejects,
  specOf,
  UNUSED,
  withDomain,
  withFiles,
  withGuest,
  type CaseSuite,
} from './hypervisor-case.ts';

/** All of them. */
export function controlCases(suite: CaseSuite): void {
  resumeCases(suite);
  triggerCases(suite);
  paramCases(suite);
  timeCases(suite);
  debugCases(suite);
  targetCases(suite);
  coreCases(suite);
}

function resumeCases({ check, checkIf, options }: CaseSuite): void {
  for (const cooperative of [true, false]) {
    check(`only a suspended domain resumes (cooperative: ${cooperative})`, async (hypervisor) => {
      const resume = { cooperative };
      await withDomain(hypervisor, {}, async (domid) => {
        await rejects(() => hypervisor.resume(domid, resume), 'HYPERVISOR_BAD_ARGUMENT');
        await hypervisor.shutdown(domid, 'reboot');
        await rejects(() => hypervisor.resume(domid, resume), 'HYPERVISOR_BAD_ARGUMENT');
      });
      await rejects(() => hypervisor.resume(UNUSED, resume), 'HYPERVISOR_NO_DOMAIN');
      await rejects(() => hypervisor.resume(DOM0, resume), 'HYPERVISOR_BAD_ARGUMENT');
    });
  }
  check('a suspended guest resumes, and can be shut down again', async (hypervisor) => {
    await withGuest(hypervisor, options.kernel, async (domid) => {
      await hypervisor.shutdown(domid, 'suspend');
      await hypervisor.resume(domid, { cooperative: true });
      const info = await find(hypervisor, domid);
      assert.equal(info.shutdown, false);
      assert.equal('shutdownReason' in info, false);
      await hypervisor.shutdown(domid, 'poweroff');
      assert.equal((await find(hypervisor, domid)).shutdownReason, 'poweroff');
    });
  });
  checkIf(options.supports.containers)(
    'a container that has shut down is reset softly and loses its ports',
    async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        const port = await hypervisor.allocUnboundEvtchn(domid, DOM0);
        await rejects(() => hypervisor.softReset(domid), 'HYPERVISOR_BAD_ARGUMENT');
        await hypervisor.shutdown(domid, 'soft-reset');
        await hypervisor.softReset(domid);
        assert.equal((await find(hypervisor, domid)).shutdown, false);
        assert.equal(await hypervisor.allocUnboundEvtchn(domid, DOM0), port);
      });
      await rejects(() => hypervisor.softReset(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    },
  );
}

function triggerCases({ check, checkIf, options }: CaseSuite): void {
  check('the buttons of a machine are for containers', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      for (const trigger of ['power', 'sleep', 's3resume'] as const) {
        await rejects(() => hypervisor.sendTrigger(domid, trigger), 'HYPERVISOR_BAD_ARGUMENT');
      }
    });
    await rejects(() => hypervisor.sendTrigger(UNUSED, 'power'), 'HYPERVISOR_NO_DOMAIN');
  });
  const checkContainer = checkIf(options.supports.containers);
  checkContainer('a container takes power, sleep, s3resume and nmi', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      for (const trigger of ['power', 'sleep', 's3resume', 'nmi'] as const) {
        await hypervisor.sendTrigger(domid, trigger);
      }
    });
  });
  checkContainer('Xen sends no reset and no init', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      for (const trigger of ['reset', 'init'] as const) {
        await rejects(() => hypervisor.sendTrigger(domid, trigger), 'HYPERVISOR_NOT_SUPPORTED');
      }
    });
  });
  check('a trigger for a vcpu that is not there has nobody', async (hypervisor) => {
    await withDomain(hypervisor, { maxVcpus: 2 }, async (domid) => {
      await hypervisor.sendTrigger(domid, 'nmi', 1);
      await rejects(() => hypervisor.sendTrigger(domid, 'nmi', 2), 'HYPERVISOR_NO_DOMAIN');
    });
  });
}

/** Values that a parameter does not take. */
const BAD_PARAMS: readonly (readonly [HvmParam, bigint])[] = [
  ['timer-mode', 4n],
  ['acpi-s-state', 1n],
  ['nr-ioreq-server-pages', 0n],
  ['nr-ioreq-server-pages', 65n],
  ['viridian', 2n],
  ['store-evtchn', -1n],
  ['store-evtchn', 1n << 64n],
];

function paramCases({ check, checkIf, options }: CaseSuite): void {
  const checkContainer = checkIf(options.supports.containers);
  checkContainer('a parameter keeps what it was set to', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
      assert.equal(await hypervisor.hvmParam(domid, 'callback-irq'), 0n);
      await hypervisor.setHvmParam(domid, 'timer-mode', 1n);
      assert.equal(await hypervisor.hvmParam(domid, 'timer-mode'), 1n);
      await hypervisor.setHvmParam(domid, 'vm-generation-id-addr', 0xffff_ffff_ffff_fff0n);
      assert.equal(
        await hypervisor.hvmParam(domid, 'vm-generation-id-addr'),
        0xffff_ffff_ffff_fff0n,
      );
    });
  });
  checkContainer('a parameter that is set once stays', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      await hypervisor.setHvmParam(domid, 'ioreq-server-pfn', 0xf_eff0n);
      await hypervisor.setHvmParam(domid, 'ioreq-server-pfn', 0xf_eff0n);
      const change = (): unknown => hypervisor.setHvmParam(domid, 'ioreq-server-pfn', 0xf_eff1n);
      await rejects(change, 'HYPERVISOR_EXISTS');
    });
  });
  checkContainer('a container sleeps and wakes by its ACPI state', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      await hypervisor.setHvmParam(domid, 'acpi-s-state', 3n);
      assert.equal(await hypervisor.hvmParam(domid, 'acpi-s-state'), 3n);
      await hypervisor.sendTrigger(domid, 's3resume');
      assert.equal(await hypervisor.hvmParam(domid, 'acpi-s-state'), 0n);
    });
  });
  for (const [param, value] of BAD_PARAMS) {
    checkContainer(`the parameter ${param} cannot be ${value}`, async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        const set = (): unknown => hypervisor.setHvmParam(domid, param, value);
        await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
  check('a PV domain has no parameters', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const code = 'HYPERVISOR_BAD_ARGUMENT';
      await rejects(() => hypervisor.hvmParam(domid, 'store-pfn'), code);
      await rejects(() => hypervisor.setHvmParam(domid, 'store-pfn', 1n), code);
    });
    await rejects(() => hypervisor.hvmParam(UNUSED, 'store-pfn'), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setHvmParam(UNUSED, 'store-pfn', 1n), 'HYPERVISOR_NO_DOMAIN');
  });
}

function timeCases({ check }: CaseSuite): void {
  for (const mode of TSC_MODES) {
    check(`the time stamp counter can be ${mode}`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        await hypervisor.setTscMode(domid, mode);
        const info = await hypervisor.tscInfo(domid);
        assert.equal(info.mode, mode);
        assert.equal(info.incarnation, 1);
        assert.ok(mode === 'native' ? info.tscKhz === 0 : info.tscKhz > 0);
        assert.ok(info.elapsedNs >= 0n);
      });
    });
  }
  check('a new domain has the default counter', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      assert.equal((await hypervisor.tscInfo(domid)).mode, 'default');
    });
    await rejects(() => hypervisor.tscInfo(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setTscMode(UNUSED, 'native'), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.tscInfo(DOM0), 'HYPERVISOR_BAD_ARGUMENT');
  });
  check('the clock of a domain can be moved both ways', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      for (const seconds of [3600, -7200, 0]) await hypervisor.setTimeOffset(domid, seconds);
      await rejects(() => hypervisor.setTimeOffset(domid, 0.5), 'HYPERVISOR_BAD_ARGUMENT');
    });
    await rejects(() => hypervisor.setTimeOffset(UNUSED, 0), 'HYPERVISOR_NO_DOMAIN');
  });
}

function debugCases({ check }: CaseSuite): void {
  check('debugging is turned on and off, not for Dom0', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setDebugging(domid, true);
      await hypervisor.setDebugging(domid, false);
    });
    await rejects(() => hypervisor.setDebugging(UNUSED, true), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setDebugging(DOM0, true), 'HYPERVISOR_BAD_ARGUMENT');
  });
}

function targetCases({ check, checkIf, options }: CaseSuite): void {
  checkIf(options.supports.containers)(
    'a stub domain has one target, which is a container',
    async (hypervisor) => {
      const target = await hypervisor.createDomain(specOf({ guestType: 'hvm' }));
      try {
        await withDomain(hypervisor, {}, async (stub) => {
          await hypervisor.setTarget(stub, target);
          await rejects(() => hypervisor.setTarget(stub, target), 'HYPERVISOR_BAD_ARGUMENT');
        });
      } finally {
        await hypervisor.destroy(target);
      }
    },
  );
  check('a domain is no target of itself, nor is a PV one', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.setTarget(domid, domid), 'HYPERVISOR_BAD_ARGUMENT');
      await withDomain(hypervisor, {}, async (other) => {
        await rejects(() => hypervisor.setTarget(domid, other), 'HYPERVISOR_NOT_SUPPORTED');
      });
      await rejects(() => hypervisor.setTarget(domid, UNUSED), 'HYPERVISOR_NO_DOMAIN');
      await rejects(() => hypervisor.setTarget(UNUSED, domid), 'HYPERVISOR_NO_DOMAIN');
    });
  });
}

/** ELF, 64 bit, little-endian, and the type of a core (ET_CORE). */
const ELF_CORE = { magic: Buffer.from('7f454c460201', 'hex'), type: 4 };

function coreCases({ check, checkIf, options }: CaseSuite): void {
  const checkCore = checkIf(options.supports.containerCores);
  checkCore('a core is an ELF file that nobody else can read', async (hypervisor) => {
    await withFiles(async (folder) =>
      withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
        await build(hypervisor, domid, { ...pvSpec(options.kernel), kind: 'pvh' });
        const file = path.join(folder, 'core');
        await hypervisor.dumpCore(domid, file);
        const core = (await readFile(file)).subarray(0, 64);
        assert.ok(core.subarray(0, 6).equals(ELF_CORE.magic));
        assert.equal(core.readUInt16LE(16), ELF_CORE.type);
        assert.equal((await stat(file)).mode & 0o777, 0o600);
      }),
    );
  });
  check(
    'a PV guest that has never run has no core: it tells its frames itself',
    async (hypervisor) => {
      await withFiles(async (folder) =>
        withGuest(hypervisor, options.kernel, async (domid) => {
          const file = path.join(folder, 'core');
          await rejects(() => hypervisor.dumpCore(domid, file), 'HYPERVISOR_CALL_FAILED');
          await assert.rejects(() => stat(file));
        }),
      );
    },
  );
  check('a core never replaces a file, and none is left of a failure', async (hypervisor) => {
    await withFiles(async (folder) => {
      const file = path.join(folder, 'core');
      await withGuest(hypervisor, options.kernel, async (domid) => {
        await writeFile(file, 'mine');
        await assert.rejects(() => hypervisor.dumpCore(domid, file));
        assert.equal(await readFile(file, 'utf8'), 'mine');
        const other = path.join(folder, 'other');
        const aborted = { signal: AbortSignal.abort() };
        await rejects(() => hypervisor.dumpCore(domid, other, aborted), 'ABORTED');
        await assert.rejects(() => stat(other));
      });
      const nowhere = path.join(folder, 'nowhere');
      await rejects(() => hypervisor.dumpCore(UNUSED, nowhere), 'HYPERVISOR_NO_DOMAIN');
      await assert.rejects(() => stat(nowhere));
    });
  });
}
