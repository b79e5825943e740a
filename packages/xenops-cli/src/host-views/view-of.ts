/** What a view does with a call: the arguments and the real method, already bound. */
export type Intercept = (
  verb: string,
  args: readonly unknown[],
  real: (...args: readonly unknown[]) => unknown,
) => unknown;

/** The same object with every call of a method going through `intercept`. */
export function viewOf<T extends object>(target: T, intercept: Intercept): T {
  return new Proxy(target, {
    get(_, key) {
      // With the target as its own receiver, so that its private fields are reached.
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const real = value.bind(target) as (...args: readonly unknown[]) => unknown;
      if (typeof key === 'symbol') return real;
      return (...args: readonly unknown[]): unknown => intercept(key, args, real);
    },
  });
}
