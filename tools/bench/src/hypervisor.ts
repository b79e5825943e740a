/** The hypervisor benchmark: calls and lists beside C, builds and streams beside xl and C. */
import { startLab, streamProgress } from 'xenlab';
import { hypervisorBuild } from './hypervisor-build.ts';
import { hypervisorCalls, hypervisorLists } from './hypervisor-calls.ts';
import { hypervisorSave } from './hypervisor-save.ts';

/** Prints a line for each comparison. Needs gcc and libxen-dev on this machine, and the built addon. */
export async function hypervisor(rounds: number, print: (line: string) => void): Promise<void> {
  await hypervisorLists(rounds, print);
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  await hypervisorCalls(lab, rounds, print);
  await hypervisorBuild(lab, rounds, print);
  await hypervisorSave(lab, rounds, print);
}
