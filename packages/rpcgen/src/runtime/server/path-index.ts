/** What stands at object paths, and which names lie right below each, without a look at all the others. */
export class PathIndex<T> {
  readonly #values = new Map<string, T>();
  /** Of each path that has something below it: the names right below. */
  readonly #children = new Map<string, Set<string>>();

  /** What stands at exactly this path. */
  find(path: string): T | undefined {
    return this.#values.get(path);
  }

  /** Puts something at a path that has nothing yet. */
  add(path: string, value: T): void {
    this.#values.set(path, value);
    for (let node = path; node !== '/'; node = parentOf(node)) {
      const parent = parentOf(node);
      const siblings = this.#children.get(parent);
      if (siblings !== undefined) {
        siblings.add(nameOf(node));
        return;
      }
      this.#children.set(parent, new Set([nameOf(node)]));
      if (this.#values.has(parent)) return;
    }
  }

  /** Takes away what stands at a path, and the folders above it that are left with nothing. */
  remove(path: string): void {
    this.#values.delete(path);
    for (let node = path; node !== '/' && !this.has(node); node = parentOf(node)) {
      const parent = parentOf(node);
      const siblings = this.#children.get(parent);
      siblings?.delete(nameOf(node));
      if (siblings?.size === 0) this.#children.delete(parent);
    }
  }

  /** Whether something stands at the path or below it. */
  has(path: string): boolean {
    return this.#values.has(path) || this.#children.has(path);
  }

  /** The names right below a path. */
  children(path: string): ReadonlySet<string> {
    return this.#children.get(path) ?? NONE;
  }

  /** All that stands below a path, without what stands at it. */
  *below(path: string): Iterable<readonly [string, T]> {
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const name of this.children(path)) {
      const child = prefix + name;
      const value = this.#values.get(child);
      if (value !== undefined) yield [child, value];
      yield* this.below(child);
    }
  }
}

const NONE: ReadonlySet<string> = new Set();

/** The path above; `/` above the topmost. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
