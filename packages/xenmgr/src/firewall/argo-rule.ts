/**
 * Rules for traffic between domains: `FROM[:PORT] -> TO[:PORT]`. Words are taken in capitals and small letters alike,
 * names of VMs are not; a name with blanks stands in quotes.
 */
import { ManagerError } from '../manager/manager-error.ts';

/** Who is meant by an end of a rule. */
export type Endpoint =
  | { readonly kind: 'any' | 'dom0' | 'myself' | 'my-stubdom' | 'seamless' | 'myself-if-seamless' }
  | { readonly kind: 'uuid' | 'dom-type' | 'dom-name'; readonly value: string };

/** One end; port 0 stands for every port. */
export interface RuleEnd {
  readonly who: Endpoint;
  readonly port: number;
}

export interface ArgoRule {
  readonly from: RuleEnd;
  readonly to: RuleEnd;
}

const WORDS = ['myself', 'my-stubdom', 'seamless', 'myself-if-seamless'] as const;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const END = /^(?<who>\*|[a-z0-9-]+(?:=(?:"[^"]*"|[^":\s]+))?)(?::(?<port>[0-9]{1,10}|\*))?$/i;
const PORT_MAX = 0xffff_ffff;

/** A rule from its text. Throws BAD_FIREWALL_RULE. */
export function parseArgoRule(text: string): ArgoRule {
  const ends = text.split('->').map((end) => parseEnd(end.trim()));
  const [from, to] = ends;
  if (ends.length === 2 && from !== undefined && to !== undefined) return { from, to };
  throw new ManagerError('BAD_FIREWALL_RULE', {
    message: `${JSON.stringify(text.slice(0, 120))} is no rule; a rule is FROM[:PORT] -> TO[:PORT]`,
  });
}

/** The one text that stands for a rule. */
export function formatArgoRule({ from, to }: ArgoRule): string {
  return `${formatEnd(from)} -> ${formatEnd(to)}`;
}

function parseEnd(text: string): RuleEnd | undefined {
  const found = END.exec(text)?.groups;
  const digits = found?.['port'] ?? '*';
  const port = digits === '*' ? 0 : Number(digits);
  const who = parseWho(found?.['who'] ?? '');
  return who === undefined || port > PORT_MAX ? undefined : { who, port };
}

function parseWho(text: string): Endpoint | undefined {
  const word = text.toLowerCase();
  if (word === '*') return { kind: 'any' };
  if (word === '0') return { kind: 'dom0' };
  if (UUID.test(word)) return { kind: 'uuid', value: word };
  const known = WORDS.find((candidate) => candidate === word);
  if (known !== undefined) return { kind: known };
  const at = text.indexOf('=');
  const key = word.slice(0, Math.max(at, 0));
  const value = text.slice(at + 1).replaceAll('"', '');
  if (value === '') return undefined;
  return key === 'dom-type' || key === 'dom-name' ? { kind: key, value } : undefined;
}

function formatEnd({ who, port }: RuleEnd): string {
  return port === 0 ? formatWho(who) : `${formatWho(who)}:${port}`;
}

function formatWho(who: Endpoint): string {
  switch (who.kind) {
    case 'any':
      return '*';
    case 'dom0':
      return '0';
    case 'uuid':
      return who.value;
    case 'dom-type':
    case 'dom-name':
      return `${who.kind}=${/[\s:]/.test(who.value) ? `"${who.value}"` : who.value}`;
    default:
      return who.kind;
  }
}
