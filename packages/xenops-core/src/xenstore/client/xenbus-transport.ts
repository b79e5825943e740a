/**
 * The kernel's own way to xenstored. The device takes exactly one message per write, a second one in the same buffer is
 * dropped without a word, and a read blocks a thread until data comes: closing sends a harmless request so that the
 * pending read returns.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { XenStoreError } from '../../errors.ts';
import { encodeFrame } from '../wire/frame.ts';
import { MessageType } from '../wire/message-type.ts';
import { encodeRequest } from '../wire/request.ts';
import type { Connector, Transport, TransportHandlers } from './transport.ts';

export const XENBUS_DEVICE = '/dev/xen/xenbus';
const READ_BUFFER_BYTES = 8192;

/** A connector to `/dev/xen/xenbus`, for a Dom0 whose xenstored has no socket, and for guests. */
export function xenbusConnector(device: string = XENBUS_DEVICE): Connector {
  return async (handlers) => {
    const file = await open(device, 'r+').catch((cause: unknown) => {
      throw new XenStoreError('XENSTORE_UNAVAILABLE', {
        message: `Cannot open ${device}`,
        context: { path: device },
        cause,
      });
    });
    return xenbusTransport(file, handlers);
  };
}

function xenbusTransport(file: FileHandle, handlers: TransportHandlers): Transport {
  let closing = false;
  let writes: Promise<unknown> = Promise.resolve();
  const send = (message: Buffer): void => {
    writes = writes
      .then(() => file.write(message))
      .catch((error: unknown) => {
        // No reply will come to what the kernel has refused: 16 bytes of header and more than 4080 of payload, say.
        if (!closing) handlers.onData(refusal(message, error));
      });
  };
  const pump = async (): Promise<void> => {
    let failure: Error | undefined;
    try {
      const buffer = Buffer.alloc(READ_BUFFER_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (closing || bytesRead === 0) break;
        handlers.onData(Buffer.from(buffer.subarray(0, bytesRead)));
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    await writes;
    await file.close().catch(() => undefined);
    handlers.onClose(failure);
  };
  // The pump ends by itself and reports through onClose; it cannot reject.
  void pump();
  return {
    send,
    setRef: () => undefined,
    close() {
      if (closing) return;
      closing = true;
      send(
        encodeRequest({ name: 'getDomainPath', domid: '0' }, { requestId: 0, transactionId: 0 }),
      );
    },
  };
}

/** The error reply to a message that could not be written, under the name of the error, as xenstored would send it. */
function refusal(message: Buffer, error: unknown): Buffer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
  const requestId = message.readUInt32LE(4);
  return encodeFrame({ type: MessageType.error, requestId, transactionId: 0 }, [`${code}\0`]);
}
