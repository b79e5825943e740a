/** A task port on a unix socket. Whatever a client sends, the worst that happens is the end of its own connection. */
import { systemClock, type Clock } from '@xenops/core/host';
import { Connection } from './connection.ts';
import { DEFAULT_RPC_LIMITS, type RpcLimits } from './limits.ts';
import { listenOn } from './unix-listener.ts';
import type { TaskPort } from './vm-port.ts';

/** How to serve. */
export interface RpcServerOptions {
  readonly socketPath: string;
  /** Its members may connect besides our own user. */
  readonly gid?: number | undefined;
  readonly port: TaskPort;
  readonly limits?: Partial<RpcLimits>;
  readonly clock?: Clock;
  /** Takes errors that are our own fault; the client hears only that there was one. */
  readonly report: (error: unknown) => void;
}

/** A socket that is served. */
export interface RpcServer {
  readonly connectionCount: number;
  /** Removes the socket, answers what is under way for at most that long, and closes every connection. */
  close(graceMs: number): Promise<void>;
}

/** Serves. Rejects with CONNECT_FAILED. */
export async function serveTasks(options: RpcServerOptions): Promise<RpcServer> {
  const { socketPath, gid, port, clock = systemClock, report } = options;
  const limits = { ...DEFAULT_RPC_LIMITS, ...options.limits };
  const connections = new Set<Connection>();
  let onEmpty: () => void = () => undefined;
  const listener = await listenOn({
    socketPath,
    gid,
    unsentBytesHigh: limits.unsentBytesHigh,
    accept(socket) {
      if (connections.size >= limits.connectionsMax) {
        socket.destroy();
        return;
      }
      const connection = new Connection(socket, { port, limits, clock, report });
      connections.add(connection);
      socket.once('close', () => {
        connections.delete(connection);
        if (connections.size === 0) onEmpty();
      });
    },
  });
  return {
    get connectionCount() {
      return connections.size;
    },
    async close(graceMs) {
      await listener.close();
      if (connections.size === 0) return;
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      for (const connection of connections) connection.finish();
      using _grace = clock.startTimer(graceMs, () => {
        for (const connection of connections) connection.destroy();
      });
      await empty;
    },
  };
}
