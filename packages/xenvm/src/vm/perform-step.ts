/** What each step of a plan does to a VM, by the verbs of its host. */
import { hasCode } from '@xenops/core/errors';
import { breakDownMemory } from '@xenops/core/memory';
import { pendingConfig } from '../life/config-slots.ts';
import { stageTimeoutMs } from '../life/deadlines.ts';
import { guestEnd, type GuestEnd } from '../life/reaction.ts';
import { VmError } from '../life/vm-error.ts';
import { ignoredKeys } from './domain-spec.ts';
import type { Step, StepAction } from './plan.ts';
import { releaseDisks } from './vm-disks.ts';
import { POWER } from './vm-facts.ts';
import type { HostCall } from './vm-host.ts';
import type { Operation, Vm } from './vm.ts';

/** Performs the step. Rejects with the error of the verb. */
export async function performStep(
  vm: Vm,
  { action, stage, timeoutMs = stageTimeoutMs(stage, vm.config.current) }: Step,
  { signal, onProgress }: Operation,
): Promise<void> {
  onProgress?.({ stage: action.kind });
  const call: HostCall = {
    signal,
    timeoutMs,
    onProgress: ({ stage: told, done, total }) =>
      onProgress?.({
        stage: told,
        ...(done === undefined || total === undefined || total === 0
          ? {}
          : { fraction: done / total }),
      }),
  };
  const { host } = vm;
  switch (action.kind) {
    case 'check-host':
      await checkHost(vm);
      return;
    case 'create':
      await vm.create(call);
      return;
    case 'build':
      // Another boot than the one in whose drives they were put.
      vm.configs.media = {};
      await host.buildDomain(vm.getDomid(), vm.spec(), call);
      return;
    case 'restore':
      await host.restoreDomain(vm.getDomid(), vm.spec(), action.imagePath, call);
      return;
    case 'attach-devices':
      await attachDevices(vm, { isRestored: action.isRestored === true }, call);
      return;
    case 'start-model':
      await host.startDeviceModel(vm.getDomid(), vm.spec(), call);
      if (vm.spec().pci.length > 0) await host.attachPci(vm.getDomid(), vm.spec().pci, call);
      return;
    case 'unpause':
      await host.unpause(vm.getDomid());
      await vm.markRunning();
      return;
    case 'pause':
      await host.pause(vm.getDomid());
      return;
    case 'request':
      await host.requestShutdown(vm.getDomid(), action.request, call);
      return;
    case 'wait-for-end':
      await waitForEnd(vm, action.request, call);
      return;
    case 'request-power':
      await host.requestPower(vm.getDomid(), action.request, call);
      vm.facts.keepsChanges = action.request === 'hibernate';
      vm.facts.setPower(action.request === 'sleep' ? POWER.asleep : POWER.hibernated);
      return;
    case 'save':
      await save(vm, action, call);
      return;
    case 'destroy': {
      const found = await host.findDomain(vm.uuid);
      if (found !== undefined) await host.destroyDomain(found.domid, call);
      await releaseDisks(vm, { isKept: false }, call);
      return;
    }
    case 'remove-image':
      await host.removeFile(action.imagePath);
  }
}

/** An image has its name before the domain goes: should this fail and the domain be gone, it is whole and needs the disks as they are. */
async function save(
  vm: Vm,
  action: Extract<StepAction, { kind: 'save' }>,
  call: HostCall,
): Promise<void> {
  const { host, config, facts } = vm;
  const suspendTimeoutMs = stageTimeoutMs('suspend', config.current);
  facts.keepsChanges = !action.isKept;
  await host.saveDomain(vm.getDomid(), action.imagePath, { ...action, suspendTimeoutMs }, call);
  if (!action.isKept) await releaseDisks(vm, { isKept: true }, call);
}

async function attachDevices(
  vm: Vm,
  { isRestored }: { readonly isRestored: boolean },
  call: HostCall,
): Promise<void> {
  const { host, uuid, configs } = vm;
  configs.ready = await host.prepareDisks(uuid, configs.disks, { isRestored }, call);
  const timeoutMs = stageTimeoutMs('devices', vm.config.current);
  await host.attachDevices(vm.getDomid(), vm.spec(), { ...call, timeoutMs });
}

/** With the configuration that the next boot will have, which is not installed before everything is checked. */
async function checkHost(vm: Vm): Promise<void> {
  const config = pendingConfig(vm.config);
  const { build } = vm.spec(config).domain;
  const ignored = ignoredKeys(config);
  if (ignored.length > 0) vm.logger.log('warn', `Keys without effect here: ${ignored.join(', ')}`);
  const has = await vm.host.capabilities();
  if (build.kind !== 'pv' && !has.includes('hvm')) {
    throw new VmError('VM_NEEDS_CAPABILITY', {
      message: `The host cannot run ${build.kind} guests: it has no hardware virtualisation`,
      context: { capabilities: 'hvm' },
    });
  }
  if (config.pci.length > 0 && build.kind === 'hvm' && !has.includes('directio')) {
    throw new VmError('VM_NEEDS_CAPABILITY', {
      message: 'The host cannot give PCI devices to guests: it has no IOMMU',
      context: { capabilities: 'hvm, directio' },
    });
  }
  if (config.skipMemoryCheck) return;
  const freeKib = await vm.host.freeMemoryKib();
  const { memoryKib, maxMemoryKib, vcpus } = build;
  const { neededKib } = breakDownMemory({
    guestType: build.kind,
    targetKib: memoryKib,
    maxKib: maxMemoryKib,
    vcpus,
    hap: config.hap,
  });
  if (neededKib <= freeKib) return;
  throw new VmError('VM_NO_MEMORY', {
    message: `The VM needs ${neededKib} KiB of memory and the host has ${freeKib} KiB free`,
    context: { neededKib, freeKib },
  });
}

async function waitForEnd(vm: Vm, request: 'halt' | 'reboot', call: HostCall): Promise<void> {
  let end: GuestEnd;
  try {
    end = guestEnd(await vm.host.waitForEnd(vm.getDomid(), call));
  } catch (cause) {
    if (!hasCode(cause, 'TIMEOUT')) throw cause;
    throw new VmError('VM_DID_NOT_SHUT_DOWN', {
      message: `The guest acknowledged the ${request} and was not down after ${call.timeoutMs / 1000} s`,
      cause,
    });
  }
  const isRight =
    end === 'vanished' || (request === 'halt' ? end === 'halted' : end === 'rebooted');
  if (isRight) return;
  throw new VmError('VM_WRONG_END', {
    message: `The guest was asked for ${request} and ended otherwise: ${end}`,
    context: { expected: request, seen: end },
  });
}
