/** Which of what was seen belongs to nobody any more. Pure; in the order in which it is to be released. */
import { DOM0, type Domid } from '../ids.ts';
import type { Inspection, RecordedLoop } from './inspection.ts';
import type { Leftover } from './leftover.ts';

/** What the kernel adds to the name of a file that is gone but still used. */
const DELETED = ' (deleted)';

/** Every leftover. */
export function findLeftovers(seen: Inspection): readonly Leftover[] {
  const living = new Set(seen.domains.map(({ domid }) => domid));
  const uuids = new Set(seen.domains.map(({ uuid }) => uuid));
  const isDead = (domid: Domid): boolean => domid !== DOM0 && !living.has(domid);
  const dead = <T extends { readonly domid: Domid }>(list: readonly T[]): readonly T[] =>
    list.filter(({ domid }) => isDead(domid));
  return [
    ...seen.deadBuilds.map((domid): Leftover => ({ kind: 'build-mark', domid })),
    ...dead(seen.deviceModels).map((model): Leftover => ({ kind: 'device-model', ...model })),
    ...seen.devices
      .filter(({ frontend }) => isDead(frontend))
      .map((address): Leftover => ({ kind: 'device', domid: address.frontend, address })),
    ...looseLoops(seen, isDead),
    ...dead(seen.pciOwners).map((owner): Leftover => ({ kind: 'pci-device', ...owner })),
    ...seen.backends
      .filter(({ frontend }) => isDead(frontend))
      .map(({ frontend, ...backend }): Leftover => ({
        kind: 'backend',
        domid: frontend,
        ...backend,
      })),
    ...seen.deviceModelNodes
      .filter(isDead)
      .map((domid): Leftover => ({ kind: 'device-model-nodes', domid })),
    ...seen.records.filter(isDead).map((domid): Leftover => ({ kind: 'record', domid })),
    ...seen.domainNodes.filter(isDead).map((domid): Leftover => ({ kind: 'domain-nodes', domid })),
    ...seen.vmNodes
      .filter((uuid) => !uuids.has(uuid))
      .map((uuid): Leftover => ({ kind: 'vm-nodes', uuid })),
    ...seen.domainFiles
      .filter(({ domid, uuid }) => (uuid === undefined ? isDead(domid) : !uuids.has(uuid)))
      .map(({ filePath }): Leftover => ({ kind: 'file', filePath })),
    ...seen.drafts.map((filePath): Leftover => ({ kind: 'file', filePath })),
    ...seen.domains
      .filter(({ dying }) => dying)
      .map(({ domid, uuid }): Leftover => ({ kind: 'zombie', domid, uuid })),
  ];
}

/**
 * Loop devices of dead domains. A number is given to somebody else once it is free, so one is only believed to be ours that still has the
 * file on record behind it, and that no living domain has on record too.
 */
function looseLoops(
  { loops, recordedLoops }: Inspection,
  isDead: (domid: Domid) => boolean,
): readonly Leftover[] {
  const inUse = new Set(
    recordedLoops.filter(({ domid }) => !isDead(domid)).map(({ devicePath }) => devicePath),
  );
  const found = new Map<string, Leftover>();
  for (const record of recordedLoops) {
    const { domid, devicePath } = record;
    if (!isDead(domid) || inUse.has(devicePath)) continue;
    const loop = loops.find((entry) => entry.devicePath === devicePath);
    if (loop === undefined || !isSameFile(record, loop.filePath)) continue;
    found.set(devicePath, { kind: 'loop-device', domid, devicePath, filePath: loop.filePath });
  }
  return [...found.values()];
}

function isSameFile({ filePath }: RecordedLoop, behind: string): boolean {
  return filePath !== undefined && (behind === filePath || behind === `${filePath}${DELETED}`);
}
