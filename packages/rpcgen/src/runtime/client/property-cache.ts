import type { Bus } from '../bus.ts';
import type { BusState } from '../bus-options.ts';
import type { Subscription } from '../bus-names.ts';
import type { PropertyChanges } from './properties-client.ts';

/** Where the cache gets values from. */
export interface CacheSource<P> {
  readonly bus: Pick<Bus, 'watchName' | 'onStateChange'>;
  readonly destination: string;
  readonly getAll: () => Promise<Partial<P>>;
  readonly get: (name: keyof P & string) => Promise<unknown>;
  readonly onChanged: (listener: (changes: PropertyChanges<P>) => void) => Promise<Subscription>;
  /** The property changes without notice, so that a kept value would be wrong. */
  readonly isSilent: (name: string) => boolean;
}

/** Values of properties, kept up to date. Closed, it keeps what it had. */
export class PropertyCache<P> implements Disposable {
  readonly #source: CacheSource<P>;
  readonly #subscriptions: Subscription[] = [];
  readonly #listeners = new Set<() => void>();
  #values: Partial<P> = {};
  #isPresent = false;
  #filling: Promise<void> = Promise.resolve();
  #generation = 0;

  private constructor(source: CacheSource<P>) {
    this.#source = source;
  }

  /** See PropertiesClient.openCache. */
  static async open<P>(source: CacheSource<P>): Promise<PropertyCache<P>> {
    const cache = new PropertyCache(source);
    await cache.#start();
    return cache;
  }

  /** Whether the service is there. Without it there are no values. */
  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** The value of a property; undefined while it is unknown, and always for one that changes without notice. */
  get<Name extends keyof P>(name: Name): P[Name] | undefined {
    return this.#values[name];
  }

  /** Calls back after values have changed. */
  onUpdate(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Stops following. */
  close(): void {
    for (const one of this.#subscriptions.splice(0)) one.close();
    this.#generation++;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #start(): Promise<void> {
    const { bus, destination, onChanged } = this.#source;
    try {
      this.#subscriptions.push(await onChanged((changes) => this.#apply(changes)));
      this.#subscriptions.push(bus.onStateChange((state) => this.#onState(state)));
      this.#subscriptions.push(
        await bus.watchName(destination, (owner) => this.#onOwner(owner !== undefined)),
      );
      await this.#filling;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #onOwner(isPresent: boolean): void {
    this.#isPresent = isPresent;
    this.#replace({});
    if (isPresent) this.#fill();
  }

  #onState({ kind }: BusState): void {
    if (kind === 'reconnected') this.#fill();
  }

  /** Reads everything. A newer fill, or a change that arrives meanwhile, counts more than what this one brings. */
  #fill(): void {
    const generation = ++this.#generation;
    this.#filling = (async (): Promise<void> => {
      const values = await this.#source.getAll();
      if (generation !== this.#generation) return;
      this.#replace({ ...this.#audible(values), ...this.#values });
    })();
    // The service may leave before it answers; then the next owner is asked.
    this.#filling.catch(() => undefined);
  }

  #apply({ changed, invalidated }: PropertyChanges<P>): void {
    const values = { ...this.#values, ...this.#audible(changed) };
    for (const name of invalidated) Reflect.deleteProperty(values, name);
    this.#replace(values);
    for (const name of invalidated) void this.#readAgain(name);
  }

  async #readAgain(name: keyof P & string): Promise<void> {
    const generation = this.#generation;
    try {
      const value = await this.#source.get(name);
      if (generation !== this.#generation || this.#source.isSilent(name)) return;
      this.#replace({ ...this.#values, [name]: value });
    } catch {
      // It stays unknown, which is what `get` says.
    }
  }

  #audible(values: Partial<P>): Partial<P> {
    const kept = Object.entries(values).filter(([name]) => !this.#source.isSilent(name));
    return Object.fromEntries(kept) as Partial<P>;
  }

  #replace(values: Partial<P>): void {
    this.#values = values;
    for (const listener of this.#listeners) listener();
  }
}
