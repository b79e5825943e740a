import type { Lab } from 'xenlab';

/** Shell scripts to measure in Dom0; both do the same, one with our tools and one with the peer's. */
export interface Contest {
  readonly title: string;
  readonly ours: string;
  readonly peer: string;
}

/**
 * Runs both sides in turn (ABBA...) inside Dom0, timed there, so that neither the way to the lab nor a slow moment of
 * this machine favours one. The first round warms up and does not count.
 */
export async function alternate(
  lab: Lab,
  contest: Contest,
  rounds: number,
): Promise<{ readonly ours: readonly number[]; readonly peer: readonly number[] }> {
  const { status, stdout, stderr } = await lab.exec({
    argv: ['bash', '-c', SCRIPT, 'bench', contest.ours, contest.peer, String(rounds)],
    timeoutMs: rounds * 120_000,
  });
  if (status !== 0) throw new Error(`"${contest.title}" failed in the lab: ${stderr}`);
  const times = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const of = (side: string): readonly number[] =>
    times.flatMap(([name, microseconds]) => (name === side ? [Number(microseconds) / 1e6] : []));
  return { ours: of('ours'), peer: of('peer') };
}

/** Prints a line "SIDE MICROSECONDS" for each run that counts. A side that fails ends it all. */
const SCRIPT = `
set -eu
measure() {
  local start=\${EPOCHREALTIME/./}
  eval "$2" > /tmp/bench-output 2>&1 || { cat /tmp/bench-output >&2; exit 1; }
  local end=\${EPOCHREALTIME/./}
  [ "$3" = 0 ] || echo "$1 $((end - start))"
}
for round in $(seq 0 "$3"); do
  if [ $((round % 2)) = 0 ]; then measure ours "$1" "$round"; measure peer "$2" "$round"
  else measure peer "$2" "$round"; measure ours "$1" "$round"; fi
done
`;
