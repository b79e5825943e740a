/** Figures of one side of a comparison; seconds unless said otherwise. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** The figures of these measurements, of which there is at least one. */
export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    median: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  };
}

/** The value below which that part of the sorted values lies, interpolated. */
function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('No measurements');
  return low + (high - low) * (at - Math.floor(at));
}

/** One line of a report: both sides and their ratio, ours to the peer's. */
export function comparisonLine(
  title: string,
  { ours, peer, unit }: { readonly ours: Summary; readonly peer: Summary; readonly unit: string },
): string {
  const side = ({ median, min, max, p99 }: Summary): string =>
    `${median.toFixed(3)} ${unit} (${min.toFixed(3)}-${max.toFixed(3)}, p99 ${p99.toFixed(3)})`;
  const ratio = (ours.median / peer.median).toFixed(2);
  return `${title}: ratio ${ratio}  ours ${side(ours)}  peer ${side(peer)}  n=${ours.count}`;
}
