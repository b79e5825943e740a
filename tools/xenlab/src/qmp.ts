// QEMU's control channel (docs/interop/qmp-spec): one JSON object a line, over the process's standard input and
// output, so that there is no socket to wait for.
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { LabError, TimeoutError } from './errors.ts';

interface Reply {
  readonly id?: unknown;
  readonly event?: unknown;
  readonly data?: unknown;
  readonly return?: unknown;
  readonly error?: unknown;
}

export class QmpClient {
  readonly #output: Writable;
  readonly #waiting = new Set<(reply: Reply) => boolean>();
  readonly #failed: Promise<never>;
  #lastId = 0;

  /** @param explain called when QEMU ends by itself, for what it said. */
  constructor(input: Readable, output: Writable, explain: () => string) {
    this.#output = output;
    const lines = createInterface({ input });
    lines.on('line', (line) => {
      const reply = parseReply(line);
      for (const take of this.#waiting) if (take(reply)) this.#waiting.delete(take);
    });
    output.on('error', () => undefined);
    this.#failed = new Promise((_resolve, reject) => {
      lines.once('close', () => {
        reject(new LabError('LAB_LOST', { message: `The emulator ended\n${explain()}` }));
      });
    });
    this.#failed.catch(() => undefined);
  }

  /** Sends a command and returns its answer. @throws LabError LAB_COMMAND_FAILED, LAB_LOST; TimeoutError. */
  async execute(
    command: string,
    args: object,
    options: { readonly timeoutMs: number },
  ): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = this.#wait((reply) => reply.id === id, `answer to ${command}`, options);
    this.#output.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const reply = await answer;
    if (reply.error === undefined) return reply.return;
    throw new LabError('LAB_COMMAND_FAILED', {
      message: `The emulator refused ${command}: ${JSON.stringify(reply.error)}`,
    });
  }

  /** Waits for an event whose data `matches`, and returns that; ask before the command that leads to it. */
  async waitEvent(
    event: string,
    matches: (data: unknown) => boolean,
    options: { readonly timeoutMs: number },
  ): Promise<unknown> {
    const isIt = (reply: Reply): boolean => reply.event === event && matches(reply.data);
    const reply = await this.#wait(isIt, `event ${event}`, options);
    return reply.data;
  }

  async #wait(
    matches: (reply: Reply) => boolean,
    what: string,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<Reply> {
    let take: (reply: Reply) => boolean = () => false;
    let timer: NodeJS.Timeout | undefined;
    const arrived = new Promise<Reply>((resolve, reject) => {
      take = (reply) => {
        const mine = matches(reply);
        if (mine) resolve(reply);
        return mine;
      };
      timer = setTimeout(() => {
        reject(
          new TimeoutError({ message: `The emulator gave no ${what}`, context: { timeoutMs } }),
        );
      }, timeoutMs);
    });
    this.#waiting.add(take);
    try {
      return await Promise.race([arrived, this.#failed]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(take);
    }
  }
}

function parseReply(line: string): Reply {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
