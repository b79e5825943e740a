import { BusError } from '../errors.ts';
import type { Implemented } from './implementation.ts';
import { parentOf, PathIndex } from './path-index.ts';

/** Objects that are found when somebody calls them. */
export interface Fallback {
  /** The interfaces of the object at a path; none when there is no object. What it throws is the reply. */
  find(path: string): readonly Implemented[];
  /** The names right below a path, for Introspect. Without it none are shown. */
  children?(path: string): Iterable<string>;
}

/** Who answers for paths at which nothing is exported. */
export class FallbackTable {
  readonly #roots = new PathIndex<Fallback>();

  /** Adds a root. Throws BusError `DBUS_ALREADY_EXPORTED`. */
  add(root: string, fallback: Fallback): { unexport(): void } {
    if (this.#roots.find(root) !== undefined) {
      throw new BusError('DBUS_ALREADY_EXPORTED', {
        message: 'The path has a fallback already',
        context: { path: root },
      });
    }
    this.#roots.add(root, fallback);
    return {
      unexport: () => {
        if (this.#roots.find(root) === fallback) this.#roots.remove(root);
      },
    };
  }

  /** The interfaces at a path, as the nearest root at or above it says. Throws what its `find` throws. */
  find(path: string): readonly Implemented[] {
    return this.#nearest(path)?.find(path) ?? [];
  }

  /** The names right below a path: on the way to a root, and what the nearest root says. */
  children(path: string): ReadonlySet<string> {
    return new Set([
      ...this.#roots.children(path),
      ...(this.#nearest(path)?.children?.(path) ?? []),
    ]);
  }

  #nearest(path: string): Fallback | undefined {
    for (let node = path; ; node = parentOf(node)) {
      const found = this.#roots.find(node);
      if (found !== undefined || node === '/') return found;
    }
  }
}
