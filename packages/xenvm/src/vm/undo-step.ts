/** Taking back what a step of a plan did, or may have done. */
import { stageTimeoutMs } from '../life/deadlines.ts';
import type { Step } from './plan.ts';
import { releaseDisks } from './vm-disks.ts';
import type { Vm } from './vm.ts';

/** Goes by what Xen says is there, not by what the step was to do. */
export async function undoStep(vm: Vm, { undo, action }: Step): Promise<void> {
  const { host, uuid } = vm;
  const found = await host.findDomain(uuid);
  if (undo === 'destroy') {
    const timeoutMs = stageTimeoutMs('undo', vm.config.current);
    const call = { signal: new AbortController().signal, timeoutMs };
    if (found !== undefined) await host.destroyDomain(found.domid, call);
    await releaseDisks(vm, { isKept: false }, call);
    return;
  }
  if (found === undefined) return;
  switch (undo) {
    case 'pause':
      if (found.end === undefined) await host.pause(found.domid);
      return;
    case 'resume':
      if (found.end !== 'suspend') return;
      await host.resume(found.domid);
      // A guest that runs on must never be started from its image again. One that ended otherwise has none.
      if (action.kind === 'save') await host.removeFile(action.imagePath);
      return;
    case undefined:
  }
}
