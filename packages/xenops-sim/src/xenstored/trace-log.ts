/**
 * The trace of the C xenstored: a line for each request and each answer, in a file that `control logfile` names and
 * `control log on|off` opens and closes (`trace_io`, tools/xenstore/xenstored_core.c).
 */
import { findMessageName } from '@xenops/core/xenstore/wire';
import type { Answer, Connection, RequestHeader } from './connection.ts';
import type { RequestFrame } from './request-frame.ts';

/** A file that text is added to. */
export interface AppendedFile {
  append(text: string): void;
  close(): void;
}

/** Opens a file to add to, made when it is not there; undefined when it cannot be had. */
export type OpenForAppend = (path: string) => AppendedFile | undefined;

export interface TraceLogParts {
  readonly openForAppend: OpenForAppend;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Says that the log was opened here. */
const OPENED = '\n***\n';

export class TraceLog {
  readonly #parts: TraceLogParts;
  readonly #ids = new WeakMap<Connection, number>();
  #nextId = 1;
  #path: string | undefined;
  #file: AppendedFile | undefined;

  constructor(parts: TraceLogParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#file !== undefined;
  }

  /** Traces to another file from now on. One that cannot be opened gets nothing, and nobody is told. */
  setFile(path: string): void {
    this.#path = path;
    this.on();
  }

  /** Opens the file, anew when it is open; without a name there is nothing to open. */
  on(): void {
    if (this.#path === undefined) return;
    this.off();
    this.#file = this.#parts.openForAppend(this.#path);
    this.#file?.append(OPENED);
  }

  off(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Adds a report to the file of that name, or to the trace without one. False when there is no such file. */
  report(text: string, path: string | undefined = this.#path): boolean {
    if (path === undefined) return false;
    const file = this.#parts.openForAppend(path);
    file?.append(text);
    file?.close();
    return file !== undefined;
  }

  request(connection: Connection, request: RequestFrame): void {
    this.#line('IN', connection, `${nameOf(request.type)} (${printable(request.payload())})`);
  }

  reply(connection: Connection, { type }: RequestHeader, answer: Answer): void {
    const words =
      typeof answer === 'string'
        ? `ERROR (${answer} )`
        : `${nameOf(type)} (${printable(Buffer.from(answer).toString('latin1'))})`;
    this.#line('OUT', connection, words);
  }

  /** With the time in seconds since the epoch, and a number where the C daemon prints an address. */
  #line(direction: 'IN' | 'OUT', connection: Connection, words: string): void {
    const time = (this.#parts.nowMs() / 1000).toFixed(3);
    this.#file?.append(`${direction} 0x${this.#idOf(connection).toString(16)} ${time} ${words}\n`);
  }

  #idOf(connection: Connection): number {
    let id = this.#ids.get(connection);
    if (id === undefined) {
      id = this.#nextId;
      this.#nextId += 1;
      this.#ids.set(connection, id);
    }
    return id;
  }
}

/** Whatever a guest sends stays one line. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

/** `GET_PERMS` for `getPermissions`. */
function nameOf(type: number): string {
  const name = findMessageName(type) ?? 'UNKNOWN';
  return name
    .replace('Permissions', 'Perms')
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();
}
