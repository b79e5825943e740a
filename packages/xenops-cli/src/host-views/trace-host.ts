/** A host that tells of every hypercall and every request to xenstored as it is answered. */
import type { Host } from '@xenops/core/host';
import type { Watch, XenStore, XenStoreTree } from '@xenops/core/xenstore';
import { printable } from '../output/error-report.ts';
import { plainArguments } from './plan-step.ts';
import { viewOf } from './view-of.ts';

/** Longest text of a result. */
const TEXT_MAX = 200;

/** The view; `tell` gets one line each. */
export function traceHost(real: Host, tell: (line: string) => void): Host {
  const { hypervisor, store, services, uri } = real;
  return {
    uri,
    hypervisor: viewOf(hypervisor, (verb, args, call) =>
      told(`hypercall ${verb}(${words(args, ', ')})`, tell, () => call(...args)),
    ),
    store: traceStore(store, tell),
    services,
    ...(real.hotplug === undefined
      ? {}
      : {
          hotplug: viewOf(real.hotplug, (verb, args, call) =>
            told(`hotplug ${verb}(${words(args, ', ')})`, tell, () => call(...args)),
          ),
        }),
    ...(real.pci === undefined ? {} : { pci: real.pci }),
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}

function traceStore(store: XenStore, tell: (line: string) => void): XenStore {
  return viewOf(store, (verb, args, call) => {
    if (verb === 'transaction') {
      const [body, options] = args as Parameters<XenStore['transaction']>;
      return told('xenstore transaction', tell, () =>
        call((tree: XenStoreTree) => body(traceTree(tree, tell)), options),
      );
    }
    const text = `xenstore ${verb} ${words(args, ' ')}`;
    if (verb !== 'watch') return told(text, tell, () => call(...args));
    return told(text, tell, async () => traceWatch((await call(...args)) as Watch, tell));
  });
}

function traceTree(tree: XenStoreTree, tell: (line: string) => void): XenStoreTree {
  return viewOf(tree, (verb, args, call) =>
    told(`  xenstore ${verb} ${words(args, ' ')}`, tell, () => call(...args)),
  );
}

function traceWatch(watch: Watch, tell: (line: string) => void): Watch {
  return {
    path: watch.path,
    async *[Symbol.asyncIterator]() {
      for await (const event of watch) {
        tell(printable(`xenstore event ${event.kind === 'changed' ? event.path : event.kind}`));
        yield event;
      }
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

/** Tells of a call once it is answered. A plain value stays one. */
function told(text: string, tell: (line: string) => void, call: () => unknown): unknown {
  const done = (result: unknown): void => tell(printable(`${text}${resultText(result)}`));
  const failed = (error: unknown): void => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    tell(printable(`${text} ! ${code}`));
  };
  try {
    const result = call();
    if (!(result instanceof Promise)) {
      done(result);
      return result;
    }
    return result.then(
      (value: unknown) => {
        done(value);
        return value;
      },
      (error: unknown) => {
        failed(error);
        throw error;
      },
    );
  } catch (error) {
    failed(error);
    throw error;
  }
}

function resultText(result: unknown): string {
  const [plain] = plainArguments([result]);
  if (plain === undefined) return '';
  const text = JSON.stringify(plain);
  return ` = ${text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text}`;
}

function words(args: readonly unknown[], separator: string): string {
  return plainArguments(args)
    .map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg)))
    .join(separator);
}
