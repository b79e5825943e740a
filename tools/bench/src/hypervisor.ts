/** The hypervisor benchmark: calls and lists beside C, builds and streams beside xl and C. */
import { startLab, streamProgress } from 'xenlab';
import { hypervisorBuild } from './hypervisor-build.ts';
import { hypervisorCalls, hypervisorLists } from './hypervisor-calls.ts';
import { hypervisorSave } from './hypervisor-save.ts';
import { chosenParts } from './parts.ts';

type Part = 'lists' | 'calls' | 'builds' | 'streams';

/** What `--only` can name. Lists need no lab. */
const PARTS: readonly Part[] = ['lists', 'calls', 'builds', 'streams'];

/**
 * Prints a line for each comparison, or for those of one part. Needs gcc and libxen-dev on this machine, and the built addon.
 * Throws RangeError for a part that there is not.
 */
export async function hypervisor(
  rounds: number,
  print: (line: string) => void,
  only?: string,
): Promise<void> {
  const parts = chosenParts(PARTS, only);
  if (parts.includes('lists')) await hypervisorLists(rounds, print);
  if (only === 'lists') return;
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  if (parts.includes('calls')) await hypervisorCalls(lab, rounds, print);
  if (parts.includes('builds')) await hypervisorBuild(lab, rounds, print);
  if (parts.includes('streams')) await hypervisorSave(lab, rounds, print);
}
