import { isNoReply } from '../model/annotations.ts';
import { SIGNATURE_BYTES_MAX } from '../model/limits.ts';
import type { Access, Arg, Direction, Member, Method, Property, Signal } from '../model/model.ts';
import type { LeadingDocs } from './docs.ts';
import {
  attributeValue,
  checkAttributes,
  childrenOf,
  findAttribute,
  isDbus,
  quote,
  readAnnotations,
  readDocs,
  readEnumeration,
  readName,
  readType,
  refuseElement,
  requireAttribute,
  type Child,
  type ReadContext,
} from './element-reader.ts';
import { whyNoArgName, whyNoMemberName, whyNoPropertyName } from './names.ts';

/** Reads `<method>`, `<signal>` or `<property>`; gives undefined, with problems, when it cannot be used at all. */
export function readMember(
  kind: Member['kind'],
  child: Child,
  context: ReadContext,
): Member | undefined {
  switch (kind) {
    case 'method':
      return readMethod(child, context);
    case 'signal':
      return readSignal(child, context);
    case 'property':
      return readProperty(child, context);
  }
}

function readMethod(child: Child, context: ReadContext): Method | undefined {
  const called = readCallable(child, 'in', context);
  if (called === undefined) return undefined;
  const inputs = called.args.filter(({ direction }) => direction === 'in');
  const outputs = called.args.filter(({ direction }) => direction === 'out');
  const method: Method = { ...called, kind: 'method', inputs, outputs };
  if (isNoReply(method) && outputs.length > 0) {
    context.problems.error(
      method.position,
      `method ${method.name} is marked as NoReply and cannot have outputs`,
    );
  }
  checkArgs(inputs, method, context);
  checkArgs(outputs, method, context);
  return method;
}

function readSignal(child: Child, context: ReadContext): Signal | undefined {
  const called = readCallable(child, 'out', context);
  if (called === undefined) return undefined;
  const signal: Signal = { ...called, kind: 'signal' };
  checkArgs(signal.args, signal, context);
  return signal;
}

type Callable = Omit<Signal, 'kind'>;

function readCallable(
  child: Child,
  fallback: Direction,
  context: ReadContext,
): Callable | undefined {
  const { element, leading } = child;
  checkAttributes(element, ['name'], context);
  const name = readName(element, whyNoMemberName, context);
  const children = childrenOf(element, context);
  const args: Arg[] = [];
  for (const one of children) {
    if (isDbus(one.element, 'arg', context)) {
      const arg = readArg(one, { fallback, leading }, context);
      if (arg !== undefined) args.push(arg);
    } else if (!isDbus(one.element, 'annotation', context)) {
      refuseElement(element, one.element, context);
    }
  }
  const annotations = readAnnotations(children, context);
  if (name === undefined) return undefined;
  return { name, args, docs: readDocs(child), annotations, position: element.position };
}

interface ArgPlace {
  /** The direction when none is given; that of signals is always `out`. */
  readonly fallback: Direction;
  /** What a comment before the method or signal says, which may describe its arguments. */
  readonly leading: LeadingDocs | undefined;
}

function readArg(
  child: Child,
  { fallback, leading }: ArgPlace,
  context: ReadContext,
): Arg | undefined {
  const { element } = child;
  checkAttributes(element, ['name', 'type', 'direction'], context);
  const typeAttribute = requireAttribute(element, 'type', context);
  const type = typeAttribute && readType(typeAttribute, context);
  const direction = readDirection(child, fallback, context);
  const children = childrenOf(element, context);
  for (const one of children) {
    if (!isDbus(one.element, 'annotation', context)) refuseElement(element, one.element, context);
  }
  const annotations = readAnnotations(children, context);
  const name = attributeValue(element, 'name') ?? '';
  const reason = whyNoArgName(name);
  if (reason !== undefined) {
    const { position } = findAttribute(element, 'name') ?? element;
    context.problems.error(position, `${quote(name)} is no name for <arg>: ${reason}`);
  }
  if (type === undefined || typeAttribute === undefined) return undefined;
  const signature = typeAttribute.value;
  return {
    name,
    direction,
    type,
    signature,
    enumeration: readEnumeration(element, signature, context),
    docs: readDocs(child) || (leading?.args.get(name) ?? ''),
    annotations,
    position: element.position,
  };
}

function readDirection(
  { element }: Child,
  fallback: Direction,
  { problems }: ReadContext,
): Direction {
  const attribute = findAttribute(element, 'direction');
  if (attribute === undefined) return fallback;
  const { value, position } = attribute;
  if (value !== 'in' && value !== 'out') {
    problems.error(position, `direction ${quote(value)} is neither "in" nor "out"`);
    return fallback;
  }
  if (fallback === 'in') return value;
  if (value === 'in') problems.warning(position, 'an argument of a signal is always "out"');
  return 'out';
}

/** What can only be checked on all arguments of one message. */
function checkArgs(
  args: readonly Arg[],
  { name: member, position }: Pick<Callable, 'name' | 'position'>,
  { problems }: ReadContext,
): void {
  const signature = args.map((arg) => arg.signature).join('');
  if (signature.length > SIGNATURE_BYTES_MAX) {
    problems.error(
      position,
      `the arguments of ${member} have a signature of more than ${SIGNATURE_BYTES_MAX} bytes`,
    );
  }
  const seen = new Set<string>();
  for (const arg of args) {
    if (arg.name !== '' && seen.has(arg.name)) {
      problems.warning(arg.position, `${member} has two arguments ${quote(arg.name)}`);
    }
    seen.add(arg.name);
  }
}

const ACCESSES: readonly Access[] = ['read', 'write', 'readwrite'];

function readProperty(child: Child, context: ReadContext): Property | undefined {
  const { element } = child;
  checkAttributes(element, ['name', 'type', 'access'], context);
  const name = readName(element, whyNoPropertyName, context);
  const typeAttribute = requireAttribute(element, 'type', context);
  const type = typeAttribute && readType(typeAttribute, context);
  const accessAttribute = requireAttribute(element, 'access', context);
  const access = ACCESSES.find((one) => one === accessAttribute?.value);
  if (accessAttribute !== undefined && access === undefined) {
    context.problems.error(
      accessAttribute.position,
      `access ${quote(accessAttribute.value)} is none of ${ACCESSES.join(', ')}`,
    );
  }
  const children = childrenOf(element, context);
  for (const one of children) {
    if (!isDbus(one.element, 'annotation', context)) refuseElement(element, one.element, context);
  }
  const annotations = readAnnotations(children, context);
  if (name === undefined || type === undefined || access === undefined) return undefined;
  const signature = typeAttribute?.value ?? '';
  const enumeration = readEnumeration(element, signature, context);
  return {
    kind: 'property',
    name,
    access,
    type,
    signature,
    enumeration,
    docs: readDocs(child),
    annotations,
    position: element.position,
  };
}
