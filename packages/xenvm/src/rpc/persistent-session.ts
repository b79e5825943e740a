/**
 * A connection in the persistent framing: JSON-RPC 2.0, one object per line. Besides the tasks it knows
 *
 *  - `$/describe`: the tasks, as data;
 *  - `$/snapshot`: everything as it is, with the position of the event stream;
 *  - `$/subscribe` {epoch, sequence}: `$/event` from there on, or from a snapshot; once per connection;
 *  - `$/unsubscribe`;
 *  - `$/cancel` {id}: fires the signal of that task, which is still answered, mostly with "cancelled".
 *
 * A request with `"progress": true` is told by `$/progress` how far it is; one with `"text": true` gets the historical text. Requests run side by side, and their answers
 * come in any order.
 */
import type { EventPosition, EventReader } from '../notify/event-log.ts';
import type { Session, SessionPort } from './connection.ts';
import { LineDecoder } from './framing-codec.ts';
import type { JsonObject, JsonValue } from './json-text-codec.ts';
import {
  idKey,
  parsePersistent,
  renderError,
  renderLine,
  renderResult,
  requestIdOf,
  RESERVED_PREFIX,
  taskArguments,
  type PersistentRequest,
  type RequestId,
} from './message-codec.ts';
import { isUnexpected, RequestError, RPC_CODE } from './rpc-errors.ts';
import type { TaskProgress } from './vm-port.ts';

/** Version of this framing and of the `$/` requests; changes only when a client would notice. */
export const PROTOCOL_VERSION = 1;

/** See the module comment. */
export class PersistentSession implements Session {
  readonly #port: SessionPort;
  readonly #decoder: LineDecoder;
  readonly #underWay = new Map<string, AbortController>();
  #events: EventReader | undefined;
  #requestCount = 0;
  #isFinishing = false;
  #isClosed = false;

  constructor(port: SessionPort) {
    this.#port = port;
    this.#decoder = new LineDecoder(port.limits.requestBytesMax);
  }

  get isInRequest(): boolean {
    return !this.#isFinishing && this.#decoder.isInLine;
  }

  get requestCount(): number {
    return this.#requestCount;
  }

  push(chunk: Uint8Array): void {
    if (this.#isFinishing) return;
    try {
      for (const line of this.#decoder.push(chunk)) this.#receive(line);
    } catch (error) {
      // Where the next request begins cannot be known any more.
      this.#port.output.write(renderError(null, protocolRefusal(error)));
      this.finish();
    }
    if (this.#port.output.isFull) this.#port.pause();
  }

  onRoom(): void {
    this.#sendEvents();
  }

  finish(): void {
    this.#isFinishing = true;
    this.#unsubscribe();
    if (this.#isIdle) this.#port.output.end();
  }

  /** Tasks go on without their client: it may have meant to leave them behind. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  get #isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  #receive(line: string): void {
    this.#requestCount += 1;
    const request = parsePersistent(line);
    if (request.kind === 'bad') {
      this.#port.output.write(renderError(request.id, request.error));
      return;
    }
    const { id, method } = request;
    if (id === undefined) {
      // Only a cancellation is complete without an answer.
      if (method === '$/cancel') this.#cancel(request.params);
      else this.#port.output.write(renderError(null, new RequestError(...NEEDS_ID)));
      return;
    }
    try {
      if (method.startsWith(RESERVED_PREFIX)) this.#answerReserved(id, request);
      else this.#run(id, request);
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  #answerReserved(id: RequestId, { method, params }: PersistentRequest): void {
    const result = this.#reserved(method, params);
    this.#port.output.write(renderLine({ id, result }));
    // After the answer, so that a client can tell its first event from those of before.
    if (method === '$/subscribe') this.#sendEvents();
  }

  #reserved(method: string, params: JsonObject): JsonValue {
    const { port } = this.#port;
    switch (method) {
      case '$/describe':
        return describePort(port.tasks);
      case '$/snapshot':
        return { ...port.events.snapshot() };
      case '$/subscribe':
        return this.#subscribe(params);
      case '$/unsubscribe':
        this.#unsubscribe();
        return null;
      case '$/cancel':
        return this.#cancel(params);
      default:
        throw new RequestError(RPC_CODE.methodNotFound, `There is no request ${method}`);
    }
  }

  #run(id: RequestId, request: PersistentRequest): void {
    const { method, params, wantsProgress } = request;
    const { port, limits, report } = this.#port;
    if (!port.tasks.some(({ name }) => name === method)) {
      throw new RequestError(RPC_CODE.methodNotFound, `There is no task ${method}`);
    }
    if (this.#underWay.size >= limits.pendingMax) {
      const text = `At most ${limits.pendingMax} requests of a connection may be under way`;
      throw new RequestError(RPC_CODE.tooMany, text);
    }
    const key = idKey(id);
    if (this.#underWay.has(key)) {
      throw new RequestError(RPC_CODE.invalidRequest, 'A request with that id is under way');
    }
    const args = taskArguments(params);
    const abort = new AbortController();
    this.#underWay.set(key, abort);
    const onProgress = (progress: TaskProgress): void => {
      if (wantsProgress) this.#sendProgress(id, progress);
    };
    port.runTask(method, args, { signal: abort.signal, onProgress }).then(
      (outcome) => this.#settle(id, renderResult(id, outcome, request)),
      (error: unknown) => {
        if (isUnexpected(error)) report(error);
        this.#settle(id, renderError(id, error));
      },
    );
  }

  #settle(id: RequestId, answer: string): void {
    this.#underWay.delete(idKey(id));
    this.#port.output.write(answer);
    if (this.#isFinishing && this.#isIdle && !this.#isClosed) this.#port.output.end();
  }

  #refuse(id: RequestId, error: unknown): void {
    this.#port.output.write(renderError(id, error));
  }

  /** Left out while the client does not read: the next one says more. */
  #sendProgress(id: RequestId, { fraction, stage }: TaskProgress): void {
    const { output } = this.#port;
    if (output.isFull || !this.#underWay.has(idKey(id))) return;
    const params = {
      id,
      ...(fraction === undefined ? {} : { fraction }),
      ...(stage === undefined ? {} : { stage }),
    };
    output.write(renderLine({ method: '$/progress', params }));
  }

  #cancel({ id }: JsonObject): boolean {
    const known = requestIdOf(id);
    const task = known === undefined ? undefined : this.#underWay.get(idKey(known));
    task?.abort();
    return task !== undefined;
  }

  #subscribe(params: JsonObject): JsonValue {
    const { events } = this.#port.port;
    if (this.#events !== undefined) {
      throw new RequestError(RPC_CODE.invalidRequest, 'This connection has a subscription');
    }
    const from = positionOf(params);
    this.#events = events.read(from, () => this.#sendEvents());
    const { epoch, sequence } = events.snapshot();
    return { epoch, sequence };
  }

  #unsubscribe(): void {
    this.#events?.[Symbol.dispose]();
    this.#events = undefined;
  }

  /** As much as there is room for; `onRoom` goes on. */
  #sendEvents(): void {
    const { output } = this.#port;
    while (this.#events !== undefined && !output.isFull) {
      const item = this.#events.next();
      if (item === undefined) return;
      output.write(renderLine({ method: '$/event', params: { ...item } }));
    }
  }
}

const NEEDS_ID = [RPC_CODE.invalidRequest, 'A request needs an id'] as const;

/** What `$/describe` answers. */
function describePort(tasks: SessionPort['port']['tasks']): JsonValue {
  return {
    protocolVersion: PROTOCOL_VERSION,
    tasks: tasks.map(({ name, doc, answers, parameters }) => ({
      name,
      doc,
      answers,
      parameters: parameters.map((parameter) => ({ ...parameter })),
    })),
  };
}

function positionOf({ epoch, sequence }: JsonObject): EventPosition | undefined {
  if (epoch === undefined && sequence === undefined) return undefined;
  if (typeof epoch === 'string' && Number.isSafeInteger(sequence)) {
    return { epoch, sequence: Number(sequence) };
  }
  const text = 'A position has a text "epoch" and a whole number "sequence"';
  throw new RequestError(RPC_CODE.invalidParams, text);
}

function protocolRefusal(error: unknown): RequestError {
  const text = error instanceof Error ? error.message : String(error);
  return new RequestError(RPC_CODE.parseError, text, { cause: error });
}
