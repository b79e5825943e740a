/** A guest that asks and watches but never reads costs nobody else anything, and the store no more than its quota. */
import { describe, expect, test } from '@jest/globals';
import { encodeRequest, FrameDecoder, type Request } from '@xenops/core/xenstore/wire';
import type { Transport } from '@xenops/core/xenstore';
import type { DomainPresence } from './domains.ts';
import { GuestRing } from './in-process.ts';
import { defaultQuotas } from './quotas.ts';
import { TestClient } from './store-harness.test-helper.ts';
import { Xenstored } from './xenstored.ts';

const HEARING = 8;
const DEAF = 7;
const HOME = `/local/domain/${DEAF}`;
const { memoryBytes, outstanding } = defaultQuotas();

/** A store with two guests in their rings, and Dom0. */
class Scene {
  readonly xenstored: Xenstored;
  readonly dom0: TestClient;
  readonly received: string[] = [];
  readonly reports: string[] = [];
  readonly #rings = new Map<number, GuestRing>();
  readonly #transports = new Map<number, Transport>();

  static async open(): Promise<Scene> {
    const scene = new Scene();
    for (const domid of [DEAF, HEARING]) await scene.#introduce(domid);
    return scene;
  }

  private constructor() {
    const presence = (): DomainPresence => 'alive';
    const xenstored: Xenstored = new Xenstored({
      presence,
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

  /** What the store counts for the deaf guest. */
  usage(name: string): number {
    const text = this.dom0.ask({ name: 'control', words: ['quota', String(DEAF)] });
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

describe('a guest that never reads', () => {
  test('holds up neither who writes where it watches nor another guest', async () => {
    const scene = await Scene.open();
    scene.send(DEAF, { name: 'watch', path: HOME, token: 't'.repeat(1000) });
    await Promise.resolve();
    scene.ring(DEAF).setReading(false);
    for (let index = 0; index < 6000; index += 1) {
      expect(scene.dom0.write(`${HOME}/n${index}`, 'v')).toBe('OK');
      expect(scene.dom0.rm(`${HOME}/n${index}`)).toBe('OK');
    }
    expect(scene.usage('memory')).toBeLessThan(memoryBytes);
    expect(scene.usage('memory')).toBeGreaterThan(memoryBytes / 2);
    expect(scene.reports).toEqual([
      `Domain ${DEAF} exceeds soft memory quota`,
      `Domain ${DEAF} exceeds hard memory quota, Xenstore interface to domain stalled`,
    ]);
    scene.received.length = 0;
    scene.send(HEARING, { name: 'write', path: 'x', value: Buffer.from('v') });
    await Promise.resolve();
    expect(scene.received).toEqual([`${HEARING} OK`]);
  });

  test('gets so many answers ahead, and the others in order when it reads', async () => {
    const scene = await Scene.open();
    scene.ring(DEAF).setReading(false);
    for (let index = 0; index < 500; index += 1) {
      scene.send(DEAF, { name: 'write', path: `w${index % 50}`, value: Buffer.from('v') });
    }
    expect(scene.usage('outstanding')).toBe(outstanding);
    expect(scene.usage('nodes')).toBe(1 + outstanding);
    expect(scene.received).toEqual([]);
    scene.ring(DEAF).setReading(true);
    while (scene.received.length < 500 && scene.usage('outstanding') > 0) await Promise.resolve();
    expect(scene.received).toEqual(new Array<string>(500).fill(`${DEAF} OK`));
  });

  test('is cut off when more waits than any ring holds; its domain stays and can die', async () => {
    const scene = await Scene.open();
    scene.ring(DEAF).setReading(false);
    const value = Buffer.alloc(4000);
    for (let index = 0; index < 400; index += 1) {
      scene.send(DEAF, { name: 'write', path: 'w', value });
    }
    expect(scene.received).toContain(`${DEAF} is cut off`);
    expect(scene.usage('nodes')).toBe(1);
    expect(scene.dom0.ask({ name: 'release', domid: String(DEAF) })).toBe('OK');
    expect(scene.dom0.read(HOME)).toBe('ENOENT');
  });

  test('cannot hold more than its memory in transactions, and is served again without them', async () => {
    const scene = await Scene.open();
    scene.send(DEAF, { name: 'write', path: 'w', value: Buffer.from('v') });
    const value = Buffer.alloc(1900);
    for (let id = 1; id <= 11; id += 1) {
      scene.send(DEAF, { name: 'transactionStart' });
      for (let index = 0; index < 140; index += 1) {
        scene.send(DEAF, { name: 'write', path: `n${index}`, value }, id);
        if (index % outstanding === 0) await Promise.resolve();
      }
      await Promise.resolve();
    }
    expect(scene.received).toContain(`${DEAF} EIO`);
    expect(scene.usage('memory')).toBeLessThan(memoryBytes);
    scene.received.length = 0;
    scene.send(DEAF, { name: 'resetWatches' });
    scene.send(DEAF, { name: 'read', path: 'w' });
    await Promise.resolve();
    expect(scene.received).toEqual([`${DEAF} OK`, `${DEAF} v`]);
    expect(scene.usage('memory')).toBeLessThan(1000);
  });
});
