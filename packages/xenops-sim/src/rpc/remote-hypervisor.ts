/** The hypervisor of another process, over its socket. */
import { createConnection, type Socket } from 'node:net';
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import type {
  BuildResult,
  DomainCreateSpec,
  DomainInfo,
  Hypervisor,
  LongCallOptions,
  PcpuInfo,
  PhysInfo,
  Progress,
  PvBuildSpec,
  ShutdownReason,
  XenVersion,
} from '@xenops/core/hypervisor';
import type { Domid, Evtchn, VmUuid } from '@xenops/core/ids';
import { decodeError } from './error-codec.ts';
import { LINE_BYTES_MAX, LineReader } from './line-reader.ts';
import { encodeMessage, findServerMessage, type Verb } from './messages.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: (progress: Progress) => void;
}

export class RemoteHypervisor implements Hypervisor {
  readonly #socket: Socket;
  readonly #reader = new LineReader(LINE_BYTES_MAX);
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #isOpen = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.unref();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#close());
  }

  /** Connects. Rejects with the error of the socket when nobody listens there. */
  static async open(socketPath: string): Promise<RemoteHypervisor> {
    const socket = createConnection({ path: socketPath });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    return new RemoteHypervisor(socket);
  }

  version(): Promise<XenVersion> {
    return this.#call('version');
  }

  physInfo(): Promise<PhysInfo> {
    return this.#call('physInfo');
  }

  pcpuInfo(): Promise<readonly PcpuInfo[]> {
    return this.#call('pcpuInfo');
  }

  consoleRing(): Promise<string> {
    return this.#call('consoleRing');
  }

  listDomains(): Promise<readonly DomainInfo[]> {
    return this.#call('listDomains');
  }

  findDomain(domid: Domid): Promise<DomainInfo | undefined> {
    return this.#call('findDomain', [domid]);
  }

  createDomain(spec: DomainCreateSpec): Promise<Domid> {
    return this.#call('createDomain', [spec]);
  }

  setHandle(domid: Domid, uuid: VmUuid): Promise<void> {
    return this.#call('setHandle', [domid, uuid]);
  }

  setMaxMemory(domid: Domid, maxMemoryKib: number): Promise<void> {
    return this.#call('setMaxMemory', [domid, maxMemoryKib]);
  }

  allocUnboundEvtchn(domid: Domid, remote: Domid): Promise<Evtchn> {
    return this.#call('allocUnboundEvtchn', [domid, remote]);
  }

  buildDomain(domid: Domid, spec: PvBuildSpec, options?: LongCallOptions): Promise<BuildResult> {
    return this.#call('buildDomain', [domid, spec], options);
  }

  pause(domid: Domid): Promise<void> {
    return this.#call('pause', [domid]);
  }

  unpause(domid: Domid): Promise<void> {
    return this.#call('unpause', [domid]);
  }

  shutdown(domid: Domid, reason: ShutdownReason): Promise<void> {
    return this.#call('shutdown', [domid, reason]);
  }

  destroy(domid: Domid, options?: LongCallOptions): Promise<void> {
    return this.#call('destroy', [domid], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => void this.#socket.once('close', () => resolve()));
    this.#socket.destroy();
    this.#close();
    await closed;
  }

  /** Calls a verb; the answer is taken for what the other side's types say, which are the same as ours. */
  #call<T>(
    verb: Verb,
    args: readonly unknown[] = [],
    { signal, onProgress }: LongCallOptions = {},
  ): Promise<T> {
    if (!this.#isOpen) return Promise.reject(this.#unavailable());
    if (signal?.aborted === true) {
      const message = `Gave up the call ${verb} before it was made`;
      return Promise.reject(new AbortedError({ message, cause: signal.reason }));
    }
    return new Promise<T>((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId += 1;
      let failure: Error | undefined;
      const giveUp = (error: Error): void => {
        failure ??= error;
        this.#socket.write(encodeMessage({ kind: 'abort', id }));
      };
      const onAbort = (): void =>
        giveUp(new AbortedError({ message: `Gave up the call ${verb}`, cause: signal?.reason }));
      const forget = (): void => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        // Given up, a call fails even if the other side was faster; but not before the other side has ended it.
        resolve: (value) => {
          forget();
          if (failure === undefined) resolve(value as T);
          else reject(failure);
        },
        reject: (error) => {
          forget();
          reject(failure ?? error);
        },
        onProgress: (progress) => {
          try {
            onProgress?.(progress);
          } catch (error) {
            giveUp(error instanceof Error ? error : new Error(String(error)));
          }
        },
      });
      // A call keeps the process alive, an idle connection does not.
      if (this.#pending.size === 1) this.#socket.ref();
      this.#socket.write(encodeMessage({ kind: 'call', id, verb, args }));
    });
  }

  #receive(chunk: Buffer): void {
    const messages = this.#reader.push(chunk)?.map(findServerMessage);
    if (messages === undefined) {
      this.#socket.destroy();
      return;
    }
    for (const message of messages) {
      const pending = message === undefined ? undefined : this.#pending.get(message.id);
      if (message === undefined || pending === undefined) continue;
      if (message.kind === 'progress') {
        pending.onProgress(message.progress);
        continue;
      }
      this.#pending.delete(message.id);
      if (message.kind === 'result') pending.resolve(message.value);
      else pending.reject(decodeError(message.error));
    }
    if (this.#pending.size === 0) this.#socket.unref();
  }

  #close(): void {
    this.#isOpen = false;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#unavailable());
  }

  #unavailable(): HypervisorError {
    return new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: 'The connection to the simulated hypervisor is closed',
    });
  }
}
