/** One task in the historical framing, which every monitor understands. */
import { withDeadline } from '@xenops/core/lifetime';
import { encodeHistorical } from '../rpc/framing-codec.ts';
import { isJsonObject, parseJson, textOf } from '../rpc/json-text-codec.ts';
import { renderHistoricalRequest } from '../rpc/message-codec.ts';
import type { TaskArguments } from '../rpc/vm-port.ts';
import { notThere, openSocket, type OpenOptions } from './open-socket.ts';
import { RemoteTaskError } from './remote-task-error.ts';

/** Bytes of an answer. */
const ANSWER_BYTES_MAX = 16_777_216;

/** What to call. */
export interface HistoricalCallOptions extends OpenOptions {
  readonly socketPath: string;
  readonly task: string;
  readonly args?: TaskArguments;
}

/**
 * The text that the task answers; undefined for "ok". Rejects with RemoteTaskError, CONNECT_FAILED, TIMEOUT or ABORTED;
 * neither of the last two stops the task.
 */
export async function callHistorical(options: HistoricalCallOptions): Promise<string | undefined> {
  const { socketPath, task, args = {}, timeoutMs, signal } = options;
  const what = `the answer to ${task} on ${socketPath}`;
  return withDeadline({ what }, { timeoutMs, signal }, async (stop) => {
    const socket = await openSocket(socketPath, { timeoutMs, signal: stop });
    stop.addEventListener('abort', () => socket.destroy());
    const chunks: Buffer[] = [];
    let length = 0;
    const ended = new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => reject(notThere(socketPath, cause)));
      socket.once('close', () => resolve());
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) socket.destroy();
    });
    socket.write(encodeHistorical(renderHistoricalRequest(task, args)));
    await ended;
    if (length === 0) throw notThere(socketPath);
    return readAnswer(Buffer.concat(chunks).toString());
  });
}

function readAnswer(text: string): string | undefined {
  const answer = parseJson(text);
  const members = isJsonObject(answer) ? answer : {};
  if (isJsonObject(members['error'])) throw new RemoteTaskError(members['error']);
  const { result } = members;
  return result === undefined || result === null ? undefined : textOf(result);
}
