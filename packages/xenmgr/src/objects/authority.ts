/**
 * Who may call the manager, asked before any handler runs, and one line in the log for each call that changes something:
 * who, what, of which object, and how it ended. Values are left out: a setting may be a secret.
 */
import type { Logger } from '@xenops/core/daemon';
import type { CallContext } from '@xenops/rpcgen/runtime';
import type { CallerAccess } from '../db/access.ts';
import type { Served } from './object-set.ts';

/** Methods that look at something and change nothing. */
const READING = /^(?:list|get|find|read|retrieve|is|auth_required)(?:_|$)/;

type Handler = (...args: readonly unknown[]) => unknown;

/** See the module comment. */
export class Authority {
  readonly #access: CallerAccess;
  readonly #log: Logger;

  constructor(access: CallerAccess, log: Logger) {
    this.#access = access;
    this.#log = log.child({ module: 'audit' });
  }

  /** The same interface, for those only who may use it. */
  guard({ description, implementation }: Served): Served {
    const { methods = {}, properties = {}, ...rest } = implementation;
    const guarded = Object.entries(methods).map(([name, handler]) => {
      const isAudited = !READING.test(name);
      // The run-time has checked the values of the call against the description.
      return [name, this.#method(handler as Handler, isAudited)] as const;
    });
    const accessors = Object.entries(properties).map(([name, handler]) => {
      const read: Handler = (...args) => handler.get?.(contextOf(args));
      const write: Handler = (value, context) =>
        handler.set?.(value as never, contextOf([context]));
      const own = {
        ...(handler.get === undefined ? {} : { get: this.#getter(read) }),
        ...(handler.set === undefined ? {} : { set: this.#setter(write, name) }),
      };
      return [name, own] as const;
    });
    return {
      description,
      implementation: {
        ...rest,
        methods: Object.fromEntries(guarded),
        properties: Object.fromEntries(accessors),
      },
    };
  }

  #method(handler: Handler, isAudited: boolean): Handler {
    return async (...args) => {
      const context = contextOf(args);
      await this.#access.check(context);
      return isAudited ? this.#audited(context, '', () => handler(...args)) : handler(...args);
    };
  }

  /** A getter that answers at once goes on doing so, once its caller is known. */
  #getter(get: Handler): Handler {
    return (...args) => {
      const check = this.#access.check(contextOf(args));
      return check === undefined ? get(...args) : check.then(() => get(...args));
    };
  }

  #setter(set: Handler, name: string): Handler {
    return async (...args) => {
      const context = contextOf(args);
      await this.#access.check(context);
      return this.#audited(context, ` ${name}`, () => set(...args));
    };
  }

  async #audited(context: CallContext, detail: string, act: () => unknown): Promise<unknown> {
    const { path, interface: owner, member, sender } = context;
    const who = await whoIs(context);
    const what = `${sender} (${who}): ${owner}.${member}${detail} of ${path}`;
    try {
      const result = await act();
      this.#log.log('info', `${what}: done`);
      return result;
    } catch (error) {
      this.#log.log('info', `${what}: refused or failed`, error);
      throw error;
    }
  }
}

/** Every handler gets it last. */
function contextOf(args: readonly unknown[]): CallContext {
  return args.at(-1) as CallContext;
}

async function whoIs(context: CallContext): Promise<string> {
  return context.credentials().then(
    ({ uid, pid }) => `uid ${uid}${pid === undefined ? '' : `, pid ${pid}`}`,
    () => 'gone',
  );
}
