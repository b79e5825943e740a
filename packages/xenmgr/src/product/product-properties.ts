/** Properties of an appliance: values that its guest finds in its environment (DSP0243, OVF). */
import type { Draft, View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';

/** One property, without its value. */
export interface ProductProperty {
  /** `class.key.instance` without empty parts. */
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly class: string;
  readonly instance: string;
  readonly description: string;
  readonly isUserConfigurable: boolean;
  readonly isPassword: boolean;
}

interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
}

const BITS = [8n, 16n, 32n, 64n];
const INTEGERS: ReadonlyMap<string, IntegerRange> = new Map(
  BITS.flatMap((bits) => [
    [`uint${bits}`, { min: 0n, max: 2n ** bits - 1n }] as const,
    [`sint${bits}`, { min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }] as const,
  ]),
);
const REALS: readonly string[] = ['real32', 'real64'];

/** The properties with a key, in the order of their nodes. */
export function productProperties(view: View, uuid: string): readonly ProductProperty[] {
  const base = `/vm/${uuid}/productproperty`;
  return view.list(base).flatMap((id) => {
    const text = (key: string): string => view.read(`${base}/${id}/${key}`) ?? '';
    if (text('key') === '') return [];
    return [
      {
        id,
        type: text('type') || 'String',
        key: text('key'),
        class: text('class'),
        instance: text('instance'),
        description: text('description'),
        isUserConfigurable: text('userconfigurable') === 'true',
        isPassword: text('password') === 'true',
      },
    ];
  });
}

/** The value of a property; empty without one. Throws NOT_FOUND for a property that is not there. */
export function readProduct(view: View, uuid: string, id: string): string {
  find(view, uuid, id);
  return view.read(`/vm/${uuid}/productproperty/${id}/value`) ?? '';
}

/** Sets a value. Throws NOT_FOUND, or BAD_VALUE for one that the type does not allow. */
export function writeProduct(draft: Draft, uuid: string, id: string, value: string): void {
  const { type } = find(draft, uuid, id);
  if (!isOfType(type, value)) {
    throw new ManagerError('BAD_VALUE', {
      message: `The property ${id} takes a value of the type ${type}`,
      context: { property: id },
    });
  }
  draft.write(`/vm/${uuid}/productproperty/${id}/value`, value);
}

function find(view: View, uuid: string, id: string): ProductProperty {
  const found = productProperties(view, uuid).find((property) => property.id === id);
  if (found !== undefined) return found;
  throw new ManagerError('NOT_FOUND', {
    message: `The VM has no product property ${JSON.stringify(id.slice(0, 80))}`,
  });
}

function isOfType(type: string, value: string): boolean {
  const range = INTEGERS.get(type.toLowerCase());
  if (range !== undefined) {
    if (!/^-?[0-9]{1,20}$/.test(value)) return false;
    const number = BigInt(value);
    return number >= range.min && number <= range.max;
  }
  if (REALS.includes(type.toLowerCase())) {
    return /^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,3})?$/i.test(value);
  }
  if (type === 'Boolean') return value === 'true' || value === 'false';
  return !value.includes('\0');
}
