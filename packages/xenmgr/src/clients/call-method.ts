/** A call of a method, with the arguments of a command line. */
import { parseSignature, renderType, type Method } from '@xenops/rpcgen';
import { XecError } from './errors.ts';
import { jsonOf } from './json-value.ts';
import {
  getMember,
  writtenMethod,
  type Member,
  type MemberDescription,
  type ObjectTarget,
  type Session,
} from './object-interfaces.ts';
import type { Outcome } from './outcome.ts';
import { parseArgument } from './parse-argument.ts';
import { renderValue } from './render-value.ts';

/** A method as it was written, with dashes or underscores, and its arguments. */
export interface WrittenCall {
  readonly method: string;
  readonly args: readonly string[];
}

type MethodMember = Member<MemberDescription['methods']>;

/** Calls a method. Throws XEC_NO_MEMBER or XEC_ARGUMENT_COUNT when there is none like that, XEC_BAD_VALUE. */
export async function callMethod(
  session: Session,
  target: ObjectTarget,
  { method, args }: WrittenCall,
): Promise<Outcome> {
  const wanted = { kind: 'methods', name: method.replaceAll('-', '_') } as const;
  const member = await getMember(session, target, wanted);
  const { interfaceName, name, description } = member;
  const inputs = parseSignature(description.input);
  if (inputs.length !== args.length) throw argumentCount(member, inputs.length, args.length);
  const values = inputs.map((type, index) =>
    parseArgument(args[index] ?? '', renderType(type), () => {
      return `argument ${index + 1}${nameOfArgument(member, index)}`;
    }),
  );
  const { busName, path } = target;
  const call = { destination: busName, path, interface: interfaceName, member: name };
  const results = await session.bus.call({ ...call, ...description }, values, session.options);
  const texts = parseSignature(description.output).map((type, index) => {
    return `${renderValue(type, results[index])}\n`;
  });
  const [only = null, ...more] = results.map(jsonOf);
  return { text: texts.join(''), json: more.length === 0 ? only : [only, ...more] };
}

function argumentCount(member: MethodMember, expected: number, given: number): XecError {
  const takes = modelOfMethod(member)?.inputs.map((arg) => `${arg.name}:${arg.signature}`) ?? [];
  const hint = takes.length === 0 ? '' : `; it takes ${takes.join(', ')}`;
  return new XecError('XEC_ARGUMENT_COUNT', {
    message: `method ${writtenMethod(member.name)} expects ${expected} args, but ${given} were given${hint}`,
  });
}

function nameOfArgument(member: MethodMember, index: number): string {
  const name = modelOfMethod(member)?.inputs[index]?.name ?? '';
  return name === '' ? '' : ` (${name})`;
}

function modelOfMethod({ name, model }: MethodMember): Method | undefined {
  return model().methods.find((one) => one.name === name);
}
