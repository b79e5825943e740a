/**
 * Tells those who started us that we are ready, or about to end: systemd, through systemd-notify(1), because Node has no
 * unix datagrams (the unit needs `NotifyAccess=all`); and the launcher that waits for a daemon in the background.
 */
import { spawn } from 'node:child_process';
import type { Logger } from './log.ts';

/** Set by the launcher for a daemon in the background: its log goes to syslog, and it has a channel to say "ready" over. */
export const BACKGROUND_VARIABLE = 'XENOPS_IN_BACKGROUND';

/** What the launcher gets over that channel. */
export const READY_MESSAGE = 'ready';

/** Says that everything is served. Failing to say so is logged and nothing else. */
export async function tellReady(logger: Logger): Promise<void> {
  await tellSystemd(['--ready'], logger);
  // Somebody else's channel is not ours to close.
  const send =
    process.env[BACKGROUND_VARIABLE] === undefined ? undefined : process.send?.bind(process);
  if (send === undefined || !process.connected) return;
  await new Promise<void>((resolve) => void send(READY_MESSAGE, () => resolve()));
  // An open channel would keep the process running.
  process.disconnect();
}

/** Says that the end has begun. */
export async function tellStopping(logger: Logger): Promise<void> {
  await tellSystemd(['STOPPING=1'], logger);
}

async function tellSystemd(args: readonly string[], logger: Logger): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const status = await new Promise<unknown>((resolve) => {
    const child = spawn('systemd-notify', args, { stdio: 'ignore' });
    child.once('error', resolve);
    child.once('exit', resolve);
  });
  if (status !== 0) logger.log('warn', 'systemd-notify could not tell systemd', status);
}
