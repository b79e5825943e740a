/** Help: how to use a program, and what the IDL says about interfaces and their members. */
import type { Arg, Interface, Member } from '@xenops/rpcgen';
import { OBJECT_KINDS } from '../client/shipped-interfaces.ts';
import { XecError } from './errors.ts';
import { modelOf, writtenMethod } from './object-interfaces.ts';
import { flagsOf, type OptionRow } from './options.ts';
import { pad } from './render-value.ts';
import { didYouMean } from './suggest.ts';

/** What the help of a program is made from. */
export interface ProgramHelp {
  readonly name: string;
  /** What may follow the name. */
  readonly usage: readonly string[];
  readonly text: string;
  readonly options: readonly OptionRow[];
}

const OPTION_WIDTH = 30;

/** Help about a method, property, signal or interface, or without a topic how to use the program. Throws XEC_NO_MEMBER. */
export function renderHelp(program: ProgramHelp, topic: string | undefined): string {
  return topic === undefined ? renderUsage(program) : renderTopic(topic);
}

function renderUsage({ name, usage, text, options }: ProgramHelp): string {
  const lines = [
    ...[...usage, '--help [NAME]'].map((words, index) => {
      return `${index === 0 ? 'Usage:' : '      '} ${name} ${words}`;
    }),
    '',
    text,
    '',
    'Options:',
    ...options.map((row) => `  ${renderOption(row)}${row.help}`),
    '',
    'Interfaces, about which --help NAME tells more, as it does about each of their members:',
    ...allInterfaces().map((one) => `  ${one.name}\n      ${firstSentence(one.docs)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function renderOption(row: OptionRow): string {
  const indent = row.short === undefined ? '    ' : '';
  return pad(`${indent}${flagsOf(row).join(', ')} ${row.values.join(' ')}`, OPTION_WIDTH);
}

function renderTopic(topic: string): string {
  const interfaces = allInterfaces();
  const named = interfaces.find(({ name }) => name === topic);
  if (named !== undefined) return renderInterface(named);
  const name = topic.replaceAll('-', '_');
  const texts = interfaces.flatMap((one) =>
    one.members
      .filter((member) => member.name === (member.kind === 'property' ? topic : name))
      .map((member) => renderMember(one, member)),
  );
  if (texts.length > 0) return texts.join('\n');
  const known = interfaces.flatMap((one) => [one.name, ...one.members.map(writtenName)]);
  throw new XecError('XEC_NO_MEMBER', {
    message: `there is no help about ${topic}${didYouMean(topic, known)}`,
  });
}

function renderInterface({ name, docs, members }: Interface): string {
  const lines = members.map((member) => {
    return `  ${pad(`${member.kind} ${writtenName(member)}`, OPTION_WIDTH)}${firstSentence(member.docs)}`;
  });
  return `interface ${name}\n\n${indented(docs)}\n\n${lines.join('\n')}\n`;
}

function renderMember({ name }: Interface, member: Member): string {
  const args = member.kind === 'property' ? [] : member.args;
  const type = member.kind === 'property' ? ` (${member.signature}, ${member.access})` : '';
  const parts = [
    `${member.kind} ${writtenName(member)}${type}, of ${name}`,
    indented(member.docs),
    ...(args.length === 0 ? [] : [args.map(renderArg).join('\n')]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function renderArg({ name, signature, direction, docs }: Arg): string {
  const shown = name === '' ? signature : `${name}:${signature}`;
  const text = docs === '' ? '' : `  ${docs.replaceAll('\n', ' ')}`;
  return `  ${direction.padEnd(3)} ${shown}${text}`;
}

function writtenName({ kind, name }: Member): string {
  return kind === 'method' ? writtenMethod(name) : name;
}

function firstSentence(docs: string): string {
  return /^.*?\.(?=\s|$)/s.exec(docs)?.[0].replaceAll('\n', ' ') ?? docs;
}

function indented(docs: string): string {
  return docs.replaceAll(/^(?=.)/gm, '  ');
}

function allInterfaces(): readonly Interface[] {
  return OBJECT_KINDS.flatMap(({ interfaces }) => interfaces.map(modelOf));
}
