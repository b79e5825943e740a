/** Takes the notifications of one VM to everybody who listens: its event stream, and the targets of its config. */
import type { EventLog } from './event-log.ts';
import { renderMessage, type NotificationCode } from './notification.ts';
import type { NotifyTransport } from './transport.ts';

/** See the module comment. */
export class Notifier {
  readonly #uuid: string;
  readonly #events: EventLog;
  #transports: readonly NotifyTransport[] = [];

  constructor(uuid: string, events: EventLog) {
    this.#uuid = uuid;
    this.#events = events;
  }

  /** Notifications that did not arrive, of the present transports. */
  get droppedCount(): number {
    return this.#transports.reduce((sum, { droppedCount }) => sum + droppedCount, 0);
  }

  /** From now on to these. What was sent before still goes to the former ones. */
  setTransports(transports: readonly NotifyTransport[]): void {
    this.#transports = transports;
  }

  /** Sends one. Returns at once. */
  notify(code: NotificationCode, parts: readonly string[]): void {
    this.#events.notice(code, parts);
    const notification = { uuid: this.#uuid, code, message: renderMessage(parts) };
    for (const transport of this.#transports) transport.send(notification);
  }

  /** Resolves when everything is delivered or dropped. */
  async flush(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.flush()));
  }
}
