/** Event channel ports of one domain. Port 0 is never given out (xen/common/event_channel.c). */
export class EventPorts {
  readonly #maxPort: number;
  /** By port, the domain that may bind to it. */
  readonly #unbound = new Map<number, number>();

  constructor(maxPort: number) {
    this.#maxPort = maxPort;
  }

  /** The lowest free port, now waiting for `remote`; undefined when all are taken. */
  allocateUnbound(remote: number): number | undefined {
    for (let port = 1; port <= this.#maxPort; port += 1) {
      if (this.#unbound.has(port)) continue;
      this.#unbound.set(port, remote);
      return port;
    }
    return undefined;
  }
}
