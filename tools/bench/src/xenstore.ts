/**
 * The xenstore benchmark, on this machine without Xen. First our client beside libxenstore and beside C on the wire, all on
 * the same C xenstored; then the embedded server beside Xen's daemons, all under the same client in C. Ratios are rates,
 * ours to the peer's.
 */
import { OracleHost, prepareOracleTools, type OracleKind } from '@xenops/core/compliance';
import { summarise } from './statistics.ts';
import {
  compilePeer,
  holdIdle,
  ourClient,
  startEmbedded,
  type Client,
  type Load,
} from './xenstore-programs.ts';

interface StoreContest {
  readonly title: string;
  readonly ours: () => Promise<Load>;
  readonly peer: () => Promise<Load>;
  /** The least ratio that is good enough; undefined where it is for information. */
  readonly target?: number;
}

/** Requests of one run: long enough for half a second on the slower side. */
const COUNT = 20_000;
const COUNT_PIPELINED = 40_000;
const TRANSACTIONS = 4_000;
const WATCHES = 1_000;
const WRITES_WATCHED = 100;
const WINDOW = 64;
const IDLE_CONNECTIONS = 900;
/** The C daemon looks at every connection for each request. */
const COUNT_AMONG_IDLE = 2_000;

/** Prints two lines for each contest, and how many targets were met. */
export async function xenstore(rounds: number, print: (line: string) => void): Promise<void> {
  const peer = await compilePeer();
  const tools = await prepareOracleTools();
  const start = (kind: OracleKind): Promise<OracleHost> => OracleHost.start(kind, tools);
  const contests: StoreContest[] = [];
  const met: boolean[] = [];
  const runAll = async (): Promise<void> => {
    for (const contest of contests.splice(0)) {
      const isMet = await runContest(contest, rounds, print);
      if (isMet !== undefined) met.push(isMet);
    }
  };
  await using daemon = await start('xenstored');
  contests.push(...clientContests(peer, daemon.socketPath));
  await runAll();
  await using embedded = await startEmbedded();
  await using oxenstored = await start('oxenstored');
  contests.push(
    ...serverContests(peer, embedded.socketPath, ['the C xenstored', daemon.socketPath], true),
    ...serverContests(peer, embedded.socketPath, ['oxenstored', oxenstored.socketPath], false),
  );
  await runAll();
  await using crowded = await startEmbedded();
  using _idle = await holdIdle(crowded.socketPath, IDLE_CONNECTIONS);
  using _idleOnC = await holdIdle(daemon.socketPath, IDLE_CONNECTIONS);
  contests.push(...idleContests(peer, { crowded, embedded, daemon }));
  await runAll();
  print(`${met.filter(Boolean).length} of ${met.length} targets met`);
}

function clientContests(peer: Client, socket: string): readonly StoreContest[] {
  const of = (transport: string, operation: string): readonly StoreContest[] => {
    const title = `client (${transport}) ${operation.toUpperCase()}`;
    const targets = transport === 'socket';
    const one = (): Promise<Load> => peer('lib', socket, operation, COUNT);
    return [
      {
        title: `${title} one at a time : libxenstore`,
        ours: () => ourClient(transport, socket, operation, COUNT, 1),
        peer: one,
        ...(targets ? { target: 1 } : {}),
      },
      {
        title: `${title} ${WINDOW} in flight : libxenstore, which has none in flight`,
        ours: () => ourClient(transport, socket, operation, COUNT_PIPELINED, WINDOW),
        peer: one,
        ...(targets ? { target: 2 } : {}),
      },
    ];
  };
  return [
    ...of('socket', 'read'),
    ...of('socket', 'write'),
    {
      title: `client (socket) READ ${WINDOW} in flight : C on the wire`,
      ours: () => ourClient('socket', socket, 'read', COUNT_PIPELINED, WINDOW),
      peer: () => peer('raw', socket, 'read', COUNT_PIPELINED, WINDOW),
    },
    ...of('libxenstore', 'read'),
  ];
}

function serverContests(
  peer: Client,
  embedded: string,
  [name, other]: readonly [name: string, socketPath: string],
  hasTargets: boolean,
): readonly StoreContest[] {
  const contest = (
    what: string,
    target: number,
    words: readonly (string | number)[],
  ): StoreContest => ({
    title: `embedded ${what} : ${name}`,
    ours: () => peer('raw', embedded, ...words),
    peer: () => peer('raw', other, ...words),
    ...(hasTargets ? { target } : {}),
  });
  return [
    contest(`READ ${WINDOW} in flight`, 5, ['read', COUNT_PIPELINED, WINDOW]),
    contest(`WRITE ${WINDOW} in flight`, 5, ['write', COUNT_PIPELINED, WINDOW]),
    contest('READ one at a time', 1, ['read', COUNT]),
    contest('WRITE one at a time', 1, ['write', COUNT]),
    contest('transactions, one request at a time', 1.5, ['transaction', TRANSACTIONS]),
    contest('transactions, three requests in flight', 1.5, ['transaction', TRANSACTIONS, 3]),
    contest(`fan-out to ${WATCHES} watches`, 2, ['fan-out', WRITES_WATCHED, WATCHES]),
  ];
}

function idleContests(
  peer: Client,
  { crowded, embedded, daemon }: Record<'crowded' | 'embedded' | 'daemon', { socketPath: string }>,
): readonly StoreContest[] {
  const read = (socketPath: string, count: number) => (): Promise<Load> =>
    peer('raw', socketPath, 'read', count);
  return [
    {
      title: `embedded READ among ${IDLE_CONNECTIONS} idle connections : itself among none`,
      ours: read(crowded.socketPath, COUNT),
      peer: read(embedded.socketPath, COUNT),
      target: 0.85,
    },
    {
      title: `embedded READ among ${IDLE_CONNECTIONS} idle connections : the C xenstored likewise`,
      ours: read(crowded.socketPath, COUNT),
      peer: read(daemon.socketPath, COUNT_AMONG_IDLE),
    },
  ];
}

/**
 * Runs both sides in turn (ABBA...), so that a slow moment of the machine favours neither; the first round warms up and does
 * not count. Prints the outcome; gives whether the target was met.
 */
async function runContest(
  { title, ours, peer, target }: StoreContest,
  rounds: number,
  print: (line: string) => void,
): Promise<boolean | undefined> {
  const seen: { readonly ours: Load; readonly peer: Load }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    if (round % 2 === 0) seen.push({ ours: await ours(), peer: await peer() });
    else {
      const second = await peer();
      seen.push({ ours: await ours(), peer: second });
    }
  }
  seen.shift();
  const rate = (side: 'ours' | 'peer'): number =>
    summarise(seen.map((each) => each[side].perSecond)).median;
  const ratio = rate('ours') / rate('peer');
  const byRound = summarise(seen.map((each) => each.ours.perSecond / each.peer.perSecond));
  const isMet = target === undefined ? undefined : ratio >= target;
  const verdict =
    target === undefined
      ? ''
      : `  target ${target.toFixed(2)}: ${isMet === true ? 'pass' : 'MISS'}`;
  const { median, min, max } = byRound;
  const spread = `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
  print(`${title}: ratio ${ratio.toFixed(2)}, by round ${spread}${verdict}`);
  print(`  ours ${sideLine(seen.map((each) => each.ours))}`);
  print(`  peer ${sideLine(seen.map((each) => each.peer))}  n=${rounds}`);
  return isMet;
}

function sideLine(loads: readonly Load[]): string {
  const { median, min, max } = summarise(loads.map(({ perSecond }) => perSecond));
  const medianUs = summarise(loads.map((load) => load.medianUs)).median;
  const p99Us = summarise(loads.map((load) => load.p99Us)).median;
  return `${median.toFixed(0)}/s (${min.toFixed(0)}-${max.toFixed(0)}), median ${medianUs.toFixed(1)} us, p99 ${p99Us.toFixed(1)} us`;
}
