/** What dead domains and dead processes have left on the host. */
import {
  findLeftovers,
  inspectHost,
  repairLeftovers,
  type Leftover,
  type Repair,
} from '@xenops/core/doctor';
import { deviceName } from '@xenops/core/devices';
import { DomainError } from '@xenops/core/errors';
import { formatPciAddress } from '@xenops/core/hypervisor';
import { printable } from '../output/error-report.ts';
import { command, type Command } from './command.ts';
import { FILE, flag, optional } from './option.ts';

export const doctorCommands: readonly Command[] = [
  command({
    name: 'doctor',
    summary:
      'find what dead domains and dead processes have left; fails when there is something, or when repairing left something',
    example: '--repair',
    changes: false,
    options: {
      repair: flag('release it'),
      images: optional({ ...FILE, doc: 'a folder in which images were saved, to find drafts in' }),
    },
    async run(host, { repair, images }, { out, json, signal }) {
      const options = { imageFolders: images === undefined ? [] : [images] };
      const found = findLeftovers(await inspectHost(host, options));
      const repairs = repair ? await repairLeftovers(host, found, { signal }) : undefined;
      if (json) out.json(repairs?.map(repairJson) ?? found.map(leftoverJson));
      else if (repairs === undefined)
        for (const leftover of found) out.line(leftoverLine(leftover));
      else for (const result of repairs) out.line(repairLine(result));
      const left = repairs?.filter(({ outcome }) => outcome === 'failed') ?? found;
      if (left.length === 0) return;
      throw new DomainError('DOMAIN_LEFTOVERS', {
        message: repair
          ? `${left.length} of ${found.length} leftovers could not be released`
          : `${left.length} ${left.length === 1 ? 'thing is' : 'things are'} left of dead domains or processes; doctor --repair releases what can be`,
        context: { count: left.length },
        cause: firstError(repairs),
      });
    },
  }),
];

function firstError(repairs: readonly Repair[] | undefined): unknown {
  return repairs?.find(({ error }) => error !== undefined)?.error;
}

function leftoverLine(leftover: Leftover): string {
  switch (leftover.kind) {
    case 'device-model':
      return `device model ${leftover.process.pid} of domain ${leftover.domid}, which is gone`;
    case 'device':
      return `${deviceName(leftover.address)}, which is gone`;
    case 'loop-device':
      return `${leftover.devicePath} with ${printable(leftover.filePath)}, of domain ${leftover.domid}, which is gone`;
    case 'pci-device':
      return `PCI device ${formatPciAddress(leftover.address)} on record for domain ${leftover.domid}, which is gone`;
    case 'backend':
      return `back-ends ${leftover.backendKind} in domain ${leftover.backend} for domain ${leftover.domid}, which is gone`;
    case 'device-model-nodes':
      return `nodes of the device model of domain ${leftover.domid}, which is gone`;
    case 'record':
      return `record of domain ${leftover.domid}, which is gone`;
    case 'domain-nodes':
      return `nodes of domain ${leftover.domid}, which is gone`;
    case 'vm-nodes':
      return `nodes of VM ${leftover.uuid}, which no domain runs`;
    case 'build-mark':
      return `build of domain ${leftover.domid} that was cut off`;
    case 'file':
      return `file ${printable(leftover.filePath)}`;
    case 'zombie':
      return `domain ${leftover.domid} (${leftover.uuid}) is dying; somebody still maps its memory`;
  }
}

function repairLine({ leftover, outcome }: Repair): string {
  const words = { released: 'released', kept: 'in use again', failed: 'NOT released' } as const;
  return `${words[outcome]}: ${leftoverLine(leftover)}`;
}

function leftoverJson(leftover: Leftover): unknown {
  return leftover.kind === 'pci-device'
    ? { ...leftover, address: formatPciAddress(leftover.address) }
    : leftover;
}

function repairJson({ leftover, outcome, error }: Repair): unknown {
  return {
    leftover: leftoverJson(leftover),
    outcome,
    ...(error instanceof Error ? { error: error.message } : {}),
  };
}
