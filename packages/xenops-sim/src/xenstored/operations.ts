/**
 * What there is to ask for, by the number of the message type, with the two properties that are checked before anything
 * else (`wire_funcs`, tools/xenstore/xenstored_core.c). Which payloads an operation takes is said here, what it does in
 * the files that are called.
 */
import { MessageType, type RequestName } from '@xenops/core/xenstore/wire';
import type { Answer } from './connection.ts';
import { control, type ControlContext } from './control.ts';
import * as domainRequests from './domain-requests.ts';
import * as nodeRequests from './node-requests.ts';
import type { RequestFrame } from './request-frame.ts';
import { Transaction } from './transaction.ts';
import type { Tree } from './tree.ts';
import * as watchRequests from './watch-requests.ts';

/** Who asks, and all that an operation may need. One object serves all requests. */
export interface Call
  extends
    nodeRequests.NodeCaller,
    domainRequests.DomainCaller,
    watchRequests.WatchCaller,
    ControlContext {
  readonly tree: Tree;
  /** The one that the request names; undefined outside of transactions. */
  readonly transaction: Transaction | undefined;
}

export interface Operation {
  readonly perform: (call: Call, request: RequestFrame) => Answer;
  readonly isPrivileged?: boolean;
  /** The transaction id of the request means nothing. */
  readonly ignoresTransaction?: boolean;
}

/** Those of release 4.17: features and quotas by requests of their own came later. */
type Served = Exclude<RequestName, 'getFeature' | 'setFeature' | 'getQuota' | 'setQuota'>;

const OPERATIONS: Readonly<Record<Served, Operation>> = {
  control: {
    isPrivileged: true,
    perform: (call, request) => control(call, request.texts()),
  },
  directory: withOneText(nodeRequests.directory),
  read: withOneText(nodeRequests.read),
  getPermissions: withOneText(nodeRequests.getPermissions),
  mkdir: withOneText(nodeRequests.mkdir),
  rm: withOneText(nodeRequests.rm),
  directoryPart: {
    perform(call, request) {
      const [path, offset, ...more] = request.texts();
      if (path === undefined || offset === undefined || more.length > 0) return 'EINVAL';
      return nodeRequests.directoryPart(call, path, offset);
    },
  },
  write: {
    perform(call, request) {
      const path = request.firstText();
      return path === undefined
        ? 'EINVAL'
        : nodeRequests.write(call, path, request.copyAfterFirstText());
    },
  },
  setPermissions: {
    perform(call, request) {
      const [path, ...permissions] = request.texts();
      if (path === undefined || permissions.length === 0) return 'EINVAL';
      return path.startsWith('@')
        ? watchRequests.setSpecialPermissions(call, path, permissions)
        : nodeRequests.setPermissions(call, path, permissions);
    },
  },
  watch: withPathAndToken(watchRequests.watch),
  unwatch: withPathAndToken(watchRequests.unwatch),
  resetWatches: { perform: watchRequests.resetWatches },
  transactionStart: {
    perform: (call) => (call.transaction === undefined ? startTransaction(call) : 'EBUSY'),
  },
  transactionEnd: {
    perform(call, request) {
      const commits = request.onlyText();
      if (commits !== 'T' && commits !== 'F') return 'EINVAL';
      const { transaction } = call;
      if (transaction === undefined) return 'ENOENT';
      call.connection.transactions.delete(request.transactionId);
      transaction.end();
      return (commits === 'T' ? transaction.commit() : undefined) ?? nodeRequests.OK;
    },
  },
  introduce: {
    isPrivileged: true,
    perform(call, request) {
      const [domid, frame, port] = request.texts();
      if (domid === undefined || frame === undefined || port === undefined) return 'EINVAL';
      return domainRequests.introduce(call, domid, port);
    },
  },
  setTarget: {
    isPrivileged: true,
    perform(call, request) {
      const [domid, target] = request.texts();
      if (domid === undefined || target === undefined) return 'EINVAL';
      return domainRequests.setTarget(call, domid, target);
    },
  },
  release: { ...withOneText(domainRequests.release), isPrivileged: true },
  resume: { ...withOneText(domainRequests.resume), isPrivileged: true },
  isDomainIntroduced: { ...withOneText(domainRequests.isDomainIntroduced), isPrivileged: true },
  getDomainPath: withOneText((_, domid) => domainRequests.getDomainPath(domid)),
};

const BY_TYPE: readonly (Operation | undefined)[] = Object.entries(OPERATIONS).reduce<
  (Operation | undefined)[]
>((table, [name, operation]) => {
  table[MessageType[name as RequestName]] = operation;
  return table;
}, []);

/** The operation of a message type; undefined when there is none. */
export function findOperation(type: number): Operation | undefined {
  return BY_TYPE[type];
}

/** An operation whose payload is one text: a path, or a domid. */
function withOneText(perform: (call: Call, text: string) => Answer): Operation {
  return {
    perform(call, request) {
      const text = request.onlyText();
      return text === undefined ? 'EINVAL' : perform(call, text);
    },
  };
}

function withPathAndToken(perform: (call: Call, path: string, token: string) => Answer): Operation {
  return {
    ignoresTransaction: true,
    perform(call, request) {
      const [path, token, ...more] = request.texts();
      if (path === undefined || token === undefined || more.length > 0) return 'EINVAL';
      return perform(call, path, token);
    },
  };
}

function startTransaction({ connection, tree, domains, quotas }: Call): Answer {
  const { isPrivileged, transactions } = connection;
  if (!isPrivileged && transactions.size > quotas.transactions) return 'ENOSPC';
  const id = connection.takeTransactionId();
  const open = tree.openTransactions;
  transactions.set(id, new Transaction({ tree, domains, quotas, connection, open }));
  return Buffer.from(`${id}\0`, 'latin1');
}
