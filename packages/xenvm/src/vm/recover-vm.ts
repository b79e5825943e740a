/** Taking over what a predecessor left, or what is found without a word about it: performs what `recovery.ts` decides. */
import { parseConfig, renderConfig } from '../config/index.ts';
import { stageConfig } from '../life/config-slots.ts';
import { endPlugging } from './end-plugging.ts';
import { planDestroy, type Plan } from './plan.ts';
import { decideRecovery, type Recovery } from './recovery.ts';
import { giveDisksBack } from './vm-disks.ts';
import type { Operation, Vm } from './vm.ts';

/** Whether there was anything: without it, `startup` decides. */
export async function recoverVm(vm: Vm, operation: Operation): Promise<boolean> {
  const { facts, host, uuid, logger } = vm;
  const record = await facts.load();
  const found = await host.findDomain(uuid);
  const recovery = decideRecovery(record, found);
  if (recovery.kind !== 'fresh')
    logger.log('info', `Found the VM ${record?.state ?? 'without a record'}: ${recovery.kind}`);
  if (record !== undefined) {
    facts.recall(record);
    recallConfig(vm, record.current);
  }
  for (const { action } of record?.underway?.plan.steps ?? [])
    if (action.kind === 'save') await host.removeDrafts(action.imagePath);
  facts.domid = found?.domid ?? facts.domid;
  const isDone = await carryOut(vm, recovery, operation);
  if (isDone) return recovery.kind !== 'fresh';
  if (record?.plugging !== undefined && found !== undefined && found.end === undefined)
    await endPlugging(vm, record.plugging);
  await vm.settle();
  if (vm.state === 'running') await vm.markRunning();
  return true;
}

/** Whether the state is settled already. */
async function carryOut(vm: Vm, recovery: Recovery, operation: Operation): Promise<boolean> {
  const { facts, host } = vm;
  switch (recovery.kind) {
    case 'fresh':
      return true;
    case 'finish':
      await recoverBy(vm, recovery.plan, operation, recovery.first);
      return true;
    case 'abandon':
      await recoverBy(vm, planDestroy(), operation, 0);
      return true;
    case 'resume':
      await host.resume(vm.getDomid());
      await host.removeFile(recovery.imagePath);
      return false;
    case 'conclude':
      await giveDisksBack(vm, { isKept: recovery.event === 'saved' });
      facts.happened(recovery.event);
      return false;
    case 'gone':
      await giveDisksBack(vm, { isKept: false });
      facts.happened('gone');
      return false;
    case 'adopt':
    case 'keep':
      facts.publish();
      return false;
  }
}

/** A plan that cannot be finished leaves a state that is true; the VM is served all the same. */
async function recoverBy(vm: Vm, plan: Plan, operation: Operation, first: number): Promise<void> {
  try {
    await vm.runPlan(plan, operation, { first });
  } catch (error) {
    vm.logger.log('error', `Cannot finish the ${plan.name} that was under way`, error);
  }
}

/** The guest goes on with what it was started with; the file waits for its next boot. */
function recallConfig(vm: Vm, text: string): void {
  const file = vm.config.current;
  const isSame = renderConfig(file, { withSecrets: true }) === text;
  const recorded = parseConfig(text).config;
  vm.setConfig(isSame ? { current: file } : stageConfig({ current: recorded }, file));
  vm.configs.resolveNics();
}
