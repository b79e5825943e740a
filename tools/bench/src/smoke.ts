/** The smoke benchmark: the `xenops` command beside `xl` in one lab, whole processes, as a user meets them. */
import { startLab, streamProgress } from 'xenlab';
import { alternate, type Contest } from './alternate.ts';
import { comparisonLine, summarise } from './statistics.ts';

/** Prints one line for each contest: the ratio of the medians, ours to xl's. */
export async function smoke(rounds: number, print: (line: string) => void): Promise<void> {
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  const { vmlinux, initrd } = lab.guest;
  const config = `name="bench"\nkernel="${vmlinux}"\nramdisk="${initrd}"\nextra="console=hvc0"\nmemory=256\n`;
  await lab.exec({
    argv: ['sh', '-c', 'cat > /var/tmp/bench.cfg'],
    stdin: config,
    timeoutMs: 60_000,
  });
  const contests: readonly Contest[] = [
    { title: 'list', ours: 'xenops list', peer: 'xl list' },
    {
      title: 'create+build+destroy, 256 MiB PV, ELF kernel',
      ours: `d=$(xenops create_domain) && xenops build_domain -domid $d -memory 256M -kernel ${vmlinux} -ramdisk ${initrd} -cmdline console=hvc0 && xenops destroy_domain -domid $d`,
      peer: 'xl create -q -p /var/tmp/bench.cfg && xl destroy bench',
    },
    { title: 'starting node and nothing else, for scale', ours: 'node -e 0', peer: 'xl list' },
  ];
  for (const contest of contests) {
    const { ours, peer } = await alternate(lab, contest, rounds);
    print(
      comparisonLine(contest.title, { ours: summarise(ours), peer: summarise(peer), unit: 's' }),
    );
  }
}
