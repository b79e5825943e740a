/** What the xenops benchmark tells of its measurements: one row for each comparison. Pure. */
import { summarise } from './statistics.ts';
import { markdownTable } from './table.ts';

/** What can be measured by itself; the extra time for a device is told only together with `small`. */
export const XENOPS_PARTS = ['small', 'commands', 'packed', 'disk', 'vif', 'crowd'] as const;
export type XenopsPart = (typeof XENOPS_PARTS)[number];

/** Measurements by the words before them: scenario, what, side. */
export type Figures = (words: string) => readonly number[];

const HEAD = ['what', 'ours', 'xl', 'target', 'ratio'] as const;
/** Requests to xenstored of the same `xl create`, counted with strace. */
const XL_REQUESTS = 123;
const SIDES = { ours: 'ours', peer: 'peer' } as const;

interface Pair {
  readonly ours: number | undefined;
  readonly peer: number | undefined;
}

/** The lines of the table, of these parts. */
export function xenopsReport(
  figures: Figures,
  parts: readonly XenopsPart[],
  crowd: number,
): readonly string[] {
  const report = new Report(figures, crowd);
  return markdownTable([HEAD, ...parts.flatMap((part) => REPORTS[part](report))]);
}

type Row = readonly string[];

const REPORTS: Readonly<Record<XenopsPart, (report: Report) => readonly Row[]>> = {
  small: (report) => [
    report.times('create a small guest, resident', 'small create', '0.20'),
    report.requests(),
    report.times('destroy a small guest, resident', 'small destroy', '1.0'),
  ],
  commands: (report) => [
    report.times('create a small guest, two commands', 'commands create'),
    report.times('destroy a small guest, command', 'commands destroy'),
  ],
  packed: (report) => [
    report.times('create 256 MiB from a bzImage built before', 'packed create', '0.10'),
    report.times('destroy 256 MiB of Linux', 'packed destroy', '1.0'),
  ],
  disk: (report) => report.device('disk', 'one file disk', '0.05'),
  vif: (report) => report.device('vif', 'one interface', '0.10'),
  crowd: (report) => report.crowd(),
};

class Report {
  readonly #figures: Figures;
  readonly #crowd: number;

  constructor(figures: Figures, crowd: number) {
    this.#figures = figures;
    this.#crowd = crowd;
  }

  /** Medians with their spread, and their ratio. */
  times(title: string, what: string, target = 'none', side = 'ours'): Row {
    const told = (name: string): string => {
      const { median, min, max, p99 } = summarise(this.#figures(`${what} ${name}`));
      return `${seconds(median)} (${[min, max].map(seconds).join(' to ')}, p99 ${seconds(p99)})`;
    };
    return [title, told(side), told(SIDES.peer), target, ratio(this.#medians(what, side))];
  }

  requests(): Row {
    const count = this.#figures('requests')[0];
    return [
      'requests to xenstored for it',
      String(count),
      String(XL_REQUESTS),
      '50',
      String(count),
    ];
  }

  device(scenario: string, words: string, target: string): readonly Row[] {
    const extra = this.#extra(`${scenario} create`, 'small create');
    return [
      this.times(`create with ${words}, resident`, `${scenario} create`),
      ...(extra.ours === undefined ? [] : [pairRow(`extra time for ${words}`, extra, target)]),
      this.times(`destroy with ${words}, resident`, `${scenario} destroy`, '1.0'),
    ];
  }

  crowd(): readonly Row[] {
    const among = `among ${this.#crowd} guests`;
    const [ours, peer] = [this.#growth(SIDES.ours), this.#growth(SIDES.peer)];
    const inRow = this.#quotient('growth last ours', 'growth first ours');
    const each = (
      [
        ['resident', 'ours'],
        ['command', 'commands'],
      ] as const
    ).map(([words, side]) =>
      pairRow(
        `list, for each further guest, ${words}`,
        this.#extra('crowd list', 'alone list', side, this.#crowd),
        '0.1',
      ),
    );
    return [
      this.times('create a tiny guest alone, resident', 'alone create'),
      this.times(`create ${among}, resident`, 'crowd create'),
      [`create ${among}, to alone`, ours, peer, '1.10', ours],
      ['create the last ten of them, to the first ten', inRow, '', '1.10', inRow],
      ...each,
    ];
  }

  /** How much longer a create takes in a crowd than alone. */
  #growth(side: string): string {
    return this.#quotient(`crowd create ${side}`, `alone create ${side}`);
  }

  #quotient(words: string, to: string): string {
    const [one = Number.NaN, other = Number.NaN] = [this.#median(words), this.#median(to)];
    return (one / other).toFixed(2);
  }

  /** How much longer the first takes than the second, each side for itself and divided by `count`. */
  #extra(more: string, less: string, side = 'ours', count = 1): Pair {
    const [long, short] = [this.#medians(more, side), this.#medians(less, side)];
    const per = (name: keyof Pair): number | undefined => {
      const [high, low] = [long[name], short[name]];
      return high === undefined || low === undefined ? undefined : (high - low) / count;
    };
    return { ours: per('ours'), peer: per('peer') };
  }

  #medians(what: string, side: string): Pair {
    return {
      ours: this.#median(`${what} ${side}`),
      peer: this.#median(`${what} ${SIDES.peer}`),
    };
  }

  /** Undefined when that was not measured. */
  #median(words: string): number | undefined {
    const figures = this.#figures(words);
    return figures.length === 0 ? undefined : summarise(figures).median;
  }
}

function pairRow(title: string, pair: Pair, target: string): Row {
  const told = (value: number | undefined): string =>
    value === undefined ? '' : `${(value * 1000).toFixed(1)} ms`;
  return [title, told(pair.ours), told(pair.peer), target, ratio(pair)];
}

function ratio({ ours, peer }: Pair): string {
  return ours === undefined || peer === undefined ? '' : (ours / peer).toFixed(3);
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}
