/** The historical signal: `notify` of `xenvm.signal.notify` at the path of the VM, with uuid, code and text. */
import { BusError, type Bus, type Exported } from '@xenops/rpcgen/runtime';
import { vmObjectPath } from '../rpc/dbus/vm-names.ts';
import type { Notification } from './notification.ts';
import type { NotifyTransport } from './transport.ts';

/** Signals of the interface. */
interface NotifySignals {
  readonly notify: readonly [uuid: string, code: number, message: string];
}

const DESCRIPTION = {
  name: 'xenvm.signal.notify',
  xml: `<interface name="xenvm.signal.notify">
    <signal name="notify">
      <arg name="uuid" type="s"/>
      <arg name="code" type="i"/>
      <arg name="message" type="s"/>
    </signal>
  </interface>`,
  methods: {},
  signals: { notify: 'sis' },
  properties: {},
  errors: [],
};

/** Signals for everybody on the bus. */
export class DbusTransport implements NotifyTransport, Disposable {
  readonly #exported: Exported<NotifySignals, object>;
  readonly #onFailure: (error: unknown) => void;
  #droppedCount = 0;

  constructor(bus: Bus, uuid: string, onFailure: (error: unknown) => void) {
    this.#exported = bus.objects.export(vmObjectPath(uuid), DESCRIPTION, {});
    this.#onFailure = onFailure;
  }

  get droppedCount(): number {
    return this.#droppedCount;
  }

  send({ uuid, code, message }: Notification): void {
    try {
      this.#exported.emit('notify', uuid, code, message.replaceAll(/\p{Surrogate}/gu, '?'));
    } catch (error) {
      this.#droppedCount += 1;
      // A bus that is gone is told once, by the connection itself.
      if (!(error instanceof BusError && error.code === 'DBUS_CLOSED')) this.#onFailure(error);
    }
  }

  /** What is emitted is in the output of the connection, which is emptied when that is closed. */
  async flush(): Promise<void> {
    // Nothing is kept here.
  }

  [Symbol.dispose](): void {
    this.#exported.unexport();
  }
}
