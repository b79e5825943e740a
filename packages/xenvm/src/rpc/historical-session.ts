/** A connection in the historical framing: one request, one answer, the end. */
import type { Session, SessionPort } from './connection.ts';
import { HistoricalDecoder, type HistoricalRequest } from './framing-codec.ts';
import {
  parseHistorical,
  renderHistoricalError,
  renderHistoricalResult,
  type HistoricalCall,
} from './message-codec.ts';
import { isUnexpected, RequestError, RPC_CODE } from './rpc-errors.ts';

/** The id of an answer to what has none that could be read. */
const NO_ID = 0;

/** See the module comment. */
export class HistoricalSession implements Session {
  readonly #port: SessionPort;
  readonly #decoder: HistoricalDecoder;
  #phase: 'reading' | 'running' | 'answered' = 'reading';

  constructor(port: SessionPort) {
    this.#port = port;
    this.#decoder = new HistoricalDecoder(port.limits.requestBytesMax);
  }

  get isInRequest(): boolean {
    return this.#phase === 'reading';
  }

  get requestCount(): number {
    return this.#phase === 'reading' ? 0 : 1;
  }

  push(chunk: Uint8Array): void {
    if (this.#phase !== 'reading') return;
    try {
      this.#receive(this.#decoder.push(chunk));
    } catch (error) {
      this.#refuse(NO_ID, error);
    }
  }

  onRoom(): void {
    // There is one answer, which has been written already.
  }

  /** A client that has said everything still gets its answer. */
  finish(): void {
    if (this.#phase === 'reading') this.#end();
  }

  close(): void {
    // The task goes on: clients give up waiting without meaning to stop it.
  }

  #receive(request: HistoricalRequest): void {
    switch (request.kind) {
      case 'incomplete':
        return;
      case 'dropped':
        this.#end();
        return;
      case 'request':
        this.#call(parseHistorical(request.text));
    }
  }

  #call(call: HistoricalCall): void {
    const { port, report } = this.#port;
    const { id, method, args } = call;
    if (!port.tasks.some(({ name }) => name === method)) {
      this.#refuse(NO_ID, new RequestError(RPC_CODE.methodNotFound, 'unknown RPC'));
      return;
    }
    this.#phase = 'running';
    const { signal } = new AbortController();
    port.runTask(method, args, { signal, onProgress: () => undefined }).then(
      (outcome) => this.#end(renderHistoricalResult(id, outcome)),
      (error: unknown) => {
        if (isUnexpected(error)) report(error);
        this.#refuse(id, error);
      },
    );
  }

  #refuse(id: HistoricalCall['id'], error: unknown): void {
    this.#end(renderHistoricalError(id, error));
  }

  #end(text?: string): void {
    this.#phase = 'answered';
    this.#port.output.end(text);
  }
}
