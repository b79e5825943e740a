/** A store with guests in their rings, and Dom0: for what happens when a guest does not behave. */
import type { Clock } from '@xenops/core/host';
import type { Transport } from '@xenops/core/xenstore';
import { encodeRequest, FrameDecoder, type Request } from '@xenops/core/xenstore/wire';
import { VirtualClock } from '../time/virtual-clock.ts';
import type { DomainPresence } from './domains.ts';
import { GuestRing } from './in-process.ts';
import { TestClient } from './store-harness.test-helper.ts';
import type { OpenForAppend } from './trace-log.ts';
import { Xenstored } from './xenstored.ts';

export interface SceneOptions {
  readonly domids: readonly number[];
  readonly clock?: Clock;
  readonly openForAppend?: OpenForAppend;
}

export class GuestScene {
  readonly xenstored: Xenstored;
  readonly dom0: TestClient;
  /** `DOMID text` of each answer and event, oldest first. */
  readonly received: string[] = [];
  readonly reports: string[] = [];
  readonly #rings = new Map<number, GuestRing>();
  readonly #transports = new Map<number, Transport>();

  /** Guests that are introduced, with homes of their own. */
  static async open(options: SceneOptions): Promise<GuestScene> {
    const scene = new GuestScene(options);
    for (const domid of options.domids) await scene.#introduce(domid);
    return scene;
  }

  private constructor({
    clock = new VirtualClock(),
    openForAppend = () => undefined,
  }: SceneOptions) {
    const presence = (): DomainPresence => 'alive';
    const xenstored: Xenstored = new Xenstored({
      presence,
      clock,
      openForAppend,
      log: (text) => void this.reports.push(text),
      openGuestSink: (domid) => {
        const ring = new GuestRing(xenstored, domid);
        this.#rings.set(domid, ring);
        return ring.session;
      },
    });
    this.xenstored = xenstored;
    this.dom0 = new TestClient(xenstored);
    this.dom0.connection = xenstored.connect(this.dom0);
  }

  ring(domid: number): GuestRing {
    const ring = this.#rings.get(domid);
    if (ring === undefined) throw new Error(`Domain ${domid} has no ring`);
    return ring;
  }

  send(domid: number, request: Request, transactionId = 0): void {
    this.#transports.get(domid)?.send(encodeRequest(request, { requestId: 1, transactionId }));
  }

  /** What the store counts for a domain, by the name that `quota DOMID` has for it. */
  usage(domid: number, name: string): number {
    const text = this.dom0.ask({ name: 'control', words: ['quota', String(domid)] });
    return Number(new RegExp(`^${name} *: *(-?[0-9]+)$`, 'm').exec(text)?.[1]);
  }

  async #introduce(domid: number): Promise<void> {
    this.dom0.ask({ name: 'introduce', domid: String(domid), frame: '1', port: '1' });
    this.dom0.ask({ name: 'mkdir', path: `/local/domain/${domid}` });
    this.dom0.chmod(`/local/domain/${domid}`, `n${domid}`);
    const decoder = new FrameDecoder();
    const onData = (chunk: Uint8Array): void => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        this.received.push(`${domid} ${frame.payload.toString().replaceAll('\0', ' ').trim()}`);
      }
    };
    const onClose = (): void => void this.received.push(`${domid} is cut off`);
    this.#transports.set(domid, await this.ring(domid).connector({ onData, onClose }));
  }
}
