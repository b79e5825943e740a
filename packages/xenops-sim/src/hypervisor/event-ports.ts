/**
 * Event channels as Xen has them (xen/common/event_channel.c): ports of a domain, each waiting for a partner or bound to one.
 * Port 0 is never given out.
 */

/** One end of a channel. */
interface Channel {
  /** The domain that may bind to it, or has. */
  readonly remote: number;
  peer: { readonly ports: EventPorts; readonly port: number } | undefined;
  isPending: boolean;
  /** Called when it becomes pending. */
  readonly listeners: Set<() => void>;
}

export class EventPorts {
  readonly #domid: number;
  readonly #maxPort: number;
  readonly #channels = new Map<number, Channel>();
  #isClosed = false;

  constructor(domid: number, maxPort: number) {
    this.#domid = domid;
    this.#maxPort = maxPort;
  }

  get count(): number {
    return this.#channels.size;
  }

  /** The lowest free port, now waiting for `remote`; undefined when all are taken. */
  allocateUnbound(remote: number): number | undefined {
    if (this.#isClosed) return undefined;
    for (let port = 1; port <= this.#maxPort; port += 1) {
      if (this.#channels.has(port)) continue;
      this.#channels.set(port, { remote, peer: undefined, isPending: false, listeners: new Set() });
      return port;
    }
    return undefined;
  }

  /**
   * A port of ours bound to a waiting one. Undefined when that one does not wait for us, or all of ours are taken. Ours is
   * pending at once: notifications of the time before would be lost otherwise.
   */
  bind(remote: EventPorts, remotePort: number): number | undefined {
    const theirs = remote.#channels.get(remotePort);
    if (theirs === undefined || theirs.peer !== undefined || theirs.remote !== this.#domid) {
      return undefined;
    }
    const port = this.allocateUnbound(remote.#domid);
    const ours = port === undefined ? undefined : this.#channels.get(port);
    if (port === undefined || ours === undefined) return undefined;
    ours.peer = { ports: remote, port: remotePort };
    theirs.peer = { ports: this, port };
    this.#raise(port);
    return port;
  }

  has(port: number): boolean {
    return this.#channels.has(port);
  }

  /** Makes the other end pending; nothing when there is none. */
  notify(port: number): void {
    const peer = this.#channels.get(port)?.peer;
    if (peer !== undefined) peer.ports.#raise(peer.port);
  }

  /** Whether it was pending; it no longer is. */
  takePending(port: number): boolean {
    const channel = this.#channels.get(port);
    const wasPending = channel?.isPending === true;
    if (channel !== undefined) channel.isPending = false;
    return wasPending;
  }

  /** Calls back when the port becomes pending or closes, until the result is disposed. */
  listen(port: number, onPending: () => void): Disposable {
    const listeners = this.#channels.get(port)?.listeners;
    listeners?.add(onPending);
    return { [Symbol.dispose]: () => void listeners?.delete(onPending) };
  }

  /** Closes a port; the other end waits for a partner again, and is told. */
  close(port: number): void {
    const channel = this.#channels.get(port);
    const peer = channel?.peer;
    this.#channels.delete(port);
    // Who waits for it looks again, and finds it gone.
    for (const listener of [...(channel?.listeners ?? [])]) listener();
    if (peer === undefined) return;
    const theirs = peer.ports.#channels.get(peer.port);
    if (theirs === undefined) return;
    theirs.peer = undefined;
    peer.ports.#raise(peer.port);
  }

  /** Closes all of them; the domain may go on to use new ones after a reset, not when it dies. */
  closeAll(options: { readonly forGood: boolean }): void {
    for (const port of [...this.#channels.keys()]) this.close(port);
    this.#isClosed = options.forGood;
  }

  #raise(port: number): void {
    const channel = this.#channels.get(port);
    if (channel === undefined) return;
    channel.isPending = true;
    for (const listener of [...channel.listeners]) listener();
  }
}
