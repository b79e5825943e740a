import type { EventItem } from '../notify/event-log.ts';
import { isJsonObject, itemsOf, textOf, type JsonObject } from '../rpc/json-text-codec.ts';

/** The parameters of `$/event` as an item; undefined for a kind that a newer monitor may have. */
export function eventItemOf(params: JsonObject): EventItem | undefined {
  const { kind, epoch, object, value, code, parts, objects } = params;
  const sequence = Number(params['sequence']);
  if (kind === 'snapshot' && isJsonObject(objects)) {
    return { kind, epoch: textOf(epoch), sequence, objects };
  }
  if (kind === 'set') return { kind, sequence, object: textOf(object), value: value ?? null };
  if (kind === 'removed') return { kind, sequence, object: textOf(object) };
  if (kind === 'notice') {
    return {
      kind,
      sequence,
      code: Number(code),
      parts: itemsOf(parts).map((part) => textOf(part)),
    };
  }
  return undefined;
}
