/** Waiting for a device model to serve. */
import { DeviceModelError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { withDeadline } from '../lifetime/deadline.ts';
import { valueBecomes } from '../xenstore/conditions.ts';
import { deviceModelPath } from '../xenstore/path.ts';
import { waitFor } from '../xenstore/wait.ts';
import { isGone, QmpClient, type QmpOptions } from './qmp.ts';

/** libxl's deadline (LIBXL_DEVICE_MODEL_START_TIMEOUT). */
const START_TIMEOUT_MS = 60_000;
/** Between two attempts to connect; the bound doubles up to the second. */
const CONNECT_MS = 5;
const CONNECT_MAX_MS = 1000;

/** Waits until qemu says in xenstore that it runs. Rejects with DM_START_FAILED when it ends before, TIMEOUT or ABORTED. */
export async function untilRunning(
  host: Host,
  domid: Domid,
  exited: Promise<number>,
  options: QmpOptions,
): Promise<void> {
  await orDeath(domid, exited, options, async (wait) => {
    await waitFor(host.store, valueBecomes(`${deviceModelPath(domid)}/state`, 'running'), {
      ...wait,
      clock: host.services.clock,
    });
  });
}

/**
 * The same for a confined qemu, which may have lost xenstore by then: it runs when its monitor says so. Nobody tells when a socket begins to
 * listen, so we try at growing intervals.
 */
export async function untilConfinedRuns(
  host: Host,
  { domid, socketPath }: { readonly domid: Domid; readonly socketPath: string },
  exited: Promise<number>,
  options: QmpOptions,
): Promise<void> {
  const { clock } = host.services;
  await orDeath(domid, exited, options, ({ timeoutMs, signal }) =>
    withDeadline(
      { what: `the device model of domain ${domid} to answer` },
      { timeoutMs, signal, clock },
      async (own) => {
        for (let pauseMs = CONNECT_MS; ; pauseMs = Math.min(pauseMs * 2, CONNECT_MAX_MS)) {
          own.throwIfAborted();
          try {
            await using qmp = await QmpClient.connect(socketPath, {
              timeoutMs,
              signal: own,
              clock,
            });
            await resumed(qmp, own);
            return;
          } catch (error) {
            if (!isGone(error)) throw error;
          }
          await new Promise<void>((resolve) => void clock.startTimer(pauseMs, resolve));
        }
      },
    ),
  );
}

/** Comes back once its machine runs, which it does not before saved state has been read. */
async function resumed(qmp: QmpClient, signal: AbortSignal): Promise<void> {
  const event = new Promise<void>((resolve) => {
    qmp.onEvent(({ name }) => {
      if (name === 'RESUME') resolve();
    });
  });
  const answer = await qmp.execute('query-status', {}, { signal });
  const isRunning =
    typeof answer === 'object' && answer !== null && 'running' in answer && answer.running === true;
  if (!isRunning) await Promise.race([event, qmp.closed]);
}

async function orDeath(
  domid: Domid,
  exited: Promise<number>,
  { signal, timeoutMs = START_TIMEOUT_MS }: QmpOptions,
  start: (wait: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<void>,
): Promise<void> {
  const died = exited.then((status) => {
    throw new DeviceModelError('DM_START_FAILED', {
      message: `The device model of domain ${domid} ended with status ${status} while it started`,
      context: { domid, status },
    });
  });
  const stop = new AbortController();
  const waiting = start({
    timeoutMs,
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
  });
  try {
    await Promise.race([waiting, died]);
  } finally {
    stop.abort();
    died.catch(() => undefined);
    waiting.catch(() => undefined);
  }
}
