/**
 * A node: value, permissions, names of children, and the generation of its last change. A node is never changed, it is
 * replaced. The one exception is the set of names, which for a folder of thousands cannot be copied at each new child:
 * it changes in place until somebody holds on to it (`hold`), and is copied after that.
 */
import { RECORD_HEADER_BYTES, RECORD_PERMISSION_BYTES } from './limits.ts';
import type { PermissionList } from './rights.ts';

/** What a request decides about a node; the generation comes from the tree. */
export interface NodeContent {
  readonly value: Uint8Array;
  readonly permissions: PermissionList;
  readonly children: ChildNames;
}

export interface StoreNode extends NodeContent {
  /** Number of the change that made this record; conflicts and outdated permissions are found by it. */
  readonly generation: number;
  /** What record and path take of the owner's memory quota. The set of names may change later, so it is kept. */
  readonly storedBytes: number;
}

/** Generation of a node that is not there. */
export const NO_GENERATION = 0;

/** The names of a node's children, oldest first, as DIRECTORY lists them. */
export class ChildNames {
  readonly #names: Set<string>;
  #bytes: number;
  #isHeld = false;
  #encoded: Buffer | undefined;

  constructor(names: Iterable<string> = []) {
    this.#names = new Set(names);
    this.#bytes = 0;
    for (const name of this.#names) this.#bytes += name.length + 1;
  }

  /** Size of the list on the wire: each name with a NUL. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The names now, as a list that later changes do not touch. */
  list(): string[] {
    return [...this.#names];
  }

  /** The list as the wire has it. */
  encode(): Buffer {
    this.#encoded ??= Buffer.from([...this.#names].map((name) => `${name}\0`).join(''), 'latin1');
    return this.#encoded;
  }

  /** From now on this set stays as it is: changes make copies. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The set with one more name: this one, or a copy when it is held. */
  with(name: string): ChildNames {
    const target = this.#toChange();
    target.#names.add(name);
    target.#bytes += name.length + 1;
    return target;
  }

  /** The set without a name: this one, or a copy when it is held. */
  without(name: string): ChildNames {
    const target = this.#toChange();
    if (target.#names.delete(name)) target.#bytes -= name.length + 1;
    return target;
  }

  #toChange(): ChildNames {
    if (this.#isHeld) return new ChildNames(this.#names);
    this.#encoded = undefined;
    return this;
  }
}

/** The size that the node quota counts. */
export function recordBytes(node: {
  readonly permissions: PermissionList;
  readonly value: Uint8Array;
  readonly childBytes: number;
}): number {
  return (
    RECORD_HEADER_BYTES +
    RECORD_PERMISSION_BYTES * node.permissions.length +
    node.value.byteLength +
    node.childBytes
  );
}

/** The record that a change makes. */
export function makeNode(
  path: string,
  { value, permissions, children }: NodeContent,
  generation: number,
): StoreNode {
  const storedBytes = path.length + recordBytes({ permissions, value, childBytes: children.bytes });
  return { value, permissions, children, generation, storedBytes };
}
