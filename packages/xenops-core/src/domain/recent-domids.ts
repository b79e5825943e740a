/**
 * Domids of domains that have just gone. Back-ends and readers of logs would take a new domain for the old one, so such a domid is not given
 * again for a minute. The history is libxl's own file, a line "SECONDS DOMID" each by the monotonic clock, so that xl and we avoid each other's
 * (libxl_internal.c, `libxl__mark_domid_recent`).
 */
import type { Host } from '../host/host.ts';
import { RUN_FOLDER } from '../host/run-folder.ts';
import { findDomid, type Domid } from '../ids.ts';

/** libxl's (`LIBXL_DOMID_REUSE_TIMEOUT`). */
const AVOID_SECONDS = 60;
const UPTIME = '/proc/uptime';

interface Entry {
  readonly seconds: number;
  readonly domid: Domid;
}

/** Domids that were in use within the last minute. */
export async function recentDomids(host: Host): Promise<ReadonlySet<Domid>> {
  return new Set((await readHistory(host)).map(({ domid }) => domid));
}

/**
 * The latest record under way: domains end side by side, and each record is added to the one before. By the services, which
 * all users of a host in one process share.
 */
const records = new WeakMap<Host['services'], Promise<void>>();

/** Puts on record that the domid has been in use until now. */
export async function markRecent(host: Host, domid: Domid): Promise<void> {
  const before = records.get(host.services)?.catch(() => undefined);
  const record = Promise.resolve(before).then(() => addRecord(host, domid));
  records.set(host.services, record);
  await record;
}

async function addRecord(host: Host, domid: Domid): Promise<void> {
  const file = historyFile(host);
  if (file === undefined) return;
  const [history, seconds] = await Promise.all([readHistory(host), nowSeconds(host)]);
  const entries = [...history, { seconds, domid }];
  const lines = entries.map((entry) => `${entry.seconds} ${entry.domid}\n`);
  await host.services.writePrivateFile(file, lines.join(''));
}

async function readHistory(host: Host): Promise<readonly Entry[]> {
  const file = historyFile(host);
  if (file === undefined) return [];
  const [text, now] = await Promise.all([host.services.readText(file), nowSeconds(host)]);
  if (text === undefined) return [];
  return text.split('\n').flatMap((line): readonly Entry[] => {
    const [, seconds, domidText = ''] = /^(\d{1,15}) (\d{1,5})$/.exec(line) ?? [];
    const domid = findDomid(domidText);
    const isRecent = Number(seconds) <= now && now - Number(seconds) < AVOID_SECONDS;
    return domid === undefined || !isRecent ? [] : [{ seconds: Number(seconds), domid }];
  });
}

/** Undefined on a simulated host that has no folder of its own. */
function historyFile({ uri, services }: Host): string | undefined {
  const folder = services.runFolder ?? (uri === 'xen:' ? RUN_FOLDER : undefined);
  return folder === undefined ? undefined : `${folder}/domid-history`;
}

/** The monotonic clock of the host, which a simulated one has of its own. */
async function nowSeconds({ uri, services }: Host): Promise<number> {
  const uptime = uri === 'xen:' ? await services.readText(UPTIME) : undefined;
  return Math.floor(
    uptime === undefined ? services.clock.nowMs() / 1000 : Number.parseFloat(uptime),
  );
}
