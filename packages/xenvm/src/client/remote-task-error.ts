import { XenopsError } from '@xenops/core/errors';
import {
  isJsonObject,
  itemsOf,
  textOf,
  type JsonObject,
  type JsonValue,
} from '../rpc/json-text-codec.ts';

/** A task that the monitor refused, or that failed there. */
export class RemoteTaskError extends XenopsError {
  /** The number that JSON-RPC has for it. */
  readonly rpcCode: number;
  /** What it was due to, outermost first. */
  readonly causes: readonly string[];

  constructor(body: JsonObject) {
    const data = isJsonObject(body['data']) ? body['data'] : {};
    const { name, context, causes } = data;
    super(typeof name === 'string' ? name : 'REMOTE_REFUSED', {
      message: textOf(body['message'], 'The monitor gave no reason'),
      context: isJsonObject(context) ? plainContext(context) : {},
    });
    this.rpcCode = Number(body['code']);
    this.causes = itemsOf(causes).map((cause) => textOf(cause));
  }
}

function plainContext(context: JsonObject): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(Object.entries(context).filter(isPlain));
}

function isPlain(
  entry: readonly [string, JsonValue],
): entry is [string, string | number | boolean] {
  return ['string', 'number', 'boolean'].includes(typeof entry[1]);
}
