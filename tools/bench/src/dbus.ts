/**
 * The D-Bus benchmark: our run-time, sd-bus and plain dbus-next in the same run, each as client of the sd-bus service
 * and as service of the sd-bus client, so that one end is always the same.
 */
import { Arena, type Measured, type Service, type Side } from './dbus-programs.ts';
import { comparisonLine, summarise } from './statistics.ts';

const SIDES: readonly Side[] = ['ours', 'sd-bus', 'dbus-next'];

/** What a client does, and how many calls or signals that is. */
interface Load {
  readonly title: string;
  readonly count: number;
  readonly args: (service: string) => readonly string[];
}

const LOADS: readonly Load[] = [
  {
    title: 'echo, one at a time',
    count: 4000,
    args: (service) => ['call', service, '1', '4000'],
  },
  {
    title: 'echo, 64 in flight',
    count: 20_000,
    args: (service) => ['call', service, '64', '20000'],
  },
  { title: 'GetAll of 148 properties', count: 500, args: (service) => ['get-all', service, '500'] },
  {
    title: 'signals to 20 clients',
    count: 1000,
    args: (service) => ['listen', service, '20', '1000'],
  },
];

/** Prints two lines for each contest: the ratio to sd-bus, and the ratio to dbus-next. Above 1 is faster. */
export async function dbus(rounds: number, print: (line: string) => void): Promise<void> {
  await using arena = await Arena.open();
  const services = new Map<Side, Service>();
  for (const side of SIDES) services.set(side, await arena.serve(side));
  const serviceOf = (side: Side): Service => {
    const service = services.get(side);
    if (service === undefined) throw new Error(`There is no service of ${side}`);
    return service;
  };
  for (const load of LOADS) {
    const asClient = async (side: Side): Promise<Measured> =>
      arena.measure(side, load.args(serviceOf('sd-bus').name));
    await contest(`client, ${load.title}`, { rounds, print, measure: asClient });
    const asService = async (side: Side): Promise<Measured> => {
      const service = serviceOf(side);
      const before = await service.cpuMicroseconds();
      const { perSecond } = await arena.measure('sd-bus', load.args(service.name));
      const used = (await service.cpuMicroseconds()) - before;
      return { perSecond, cpuMicroseconds: used / load.count };
    };
    await contest(`service, ${load.title}`, { rounds, print, measure: asService });
  }
}

/** Lets all sides do the same in turn, forwards and backwards (ABC CBA...). The first round warms up. */
async function contest(
  title: string,
  {
    rounds,
    print,
    measure,
  }: {
    readonly rounds: number;
    readonly print: (line: string) => void;
    readonly measure: (side: Side) => Promise<Measured>;
  },
): Promise<void> {
  const results = new Map<Side, Measured[]>(SIDES.map((side) => [side, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
      const measured = await measure(side);
      if (round > 0) results.get(side)?.push(measured);
    }
  }
  const rates = (side: Side): readonly number[] =>
    (results.get(side) ?? []).map(({ perSecond }) => perSecond);
  const ours = summarise(rates('ours'));
  for (const side of ['sd-bus', 'dbus-next'] as const) {
    const peer = summarise(rates(side));
    print(comparisonLine(`${title}, to ${side}`, { ours, peer, unit: '/s' }));
  }
  const cpu = SIDES.map((side) => {
    const { median } = summarise(
      (results.get(side) ?? []).map(({ cpuMicroseconds }) => cpuMicroseconds),
    );
    return `${side} ${median.toFixed(1)} us`;
  });
  print(`  processor time of the measured process for each: ${cpu.join(', ')}`);
}
