/** The rules of a VM in the database: those between domains, and those for its network, which others apply. */
import { folderOf } from '../db/tree.ts';
import type { Draft, View } from '../db/view.ts';
import { listIndex } from '../db/path.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { formatArgoRule, parseArgoRule } from './argo-rule.ts';

const RULES_MAX = 1000;
const TEXT_MAX = 1000;

/** The rules between domains, each in its canonical text. One that somebody has stored and that is none is left out. */
export function argoRules(view: View, uuid: string): readonly string[] {
  const node = argoNode(uuid);
  return view.list(node).flatMap((name) => {
    try {
      return [formatArgoRule(parseArgoRule(view.read(`${node}/${name}`) ?? ''))];
    } catch {
      return [];
    }
  });
}

/** Adds a rule, unless it is there. Throws BAD_FIREWALL_RULE, BAD_VALUE for too many. */
export function addArgoRule(draft: Draft, uuid: string, text: string): void {
  const rule = formatArgoRule(parseArgoRule(text));
  const rules = argoRules(draft, uuid);
  if (rules.length >= RULES_MAX) {
    throw new ManagerError('BAD_VALUE', { message: `A VM has at most ${RULES_MAX} rules` });
  }
  if (!rules.includes(rule)) writeArgoRules(draft, uuid, [...rules, rule]);
}

/** Removes a rule. Throws BAD_FIREWALL_RULE, NOT_FOUND. */
export function deleteArgoRule(draft: Draft, uuid: string, text: string): void {
  const rule = formatArgoRule(parseArgoRule(text));
  const rules = argoRules(draft, uuid);
  writeArgoRules(
    draft,
    uuid,
    rules.filter((other) => other !== rule),
  );
}

function writeArgoRules(draft: Draft, uuid: string, rules: readonly string[]): void {
  const items = rules.map((rule, at) => [String(at), rule] as const);
  draft.replace(argoNode(uuid), items.length === 0 ? undefined : folderOf(items));
}

function argoNode(uuid: string): string {
  return `/vm/${uuid}/argo-firewall-rules`;
}

/** A rule for the network of a VM. */
export interface NetworkRule {
  readonly id: number;
  /** `in` or `out`. */
  readonly direction: string;
  readonly remoteIp: string;
  readonly extra: string;
}

export function networkRules(view: View, uuid: string): readonly NetworkRule[] {
  const base = `/vm/${uuid}/firewall-rule`;
  return view.list(base).flatMap((name) => {
    const id = listIndex(name);
    const text = (key: string): string => view.read(`${base}/${name}/${key}`) ?? '';
    if (id === undefined) return [];
    return [
      { id, direction: text('direction'), remoteIp: text('remote-ip'), extra: text('extra') },
    ];
  });
}

/** Stores a rule; one of the same number is replaced. Throws BAD_FIREWALL_RULE. */
export function addNetworkRule(draft: Draft, uuid: string, rule: NetworkRule): void {
  const texts = [rule.remoteIp, rule.extra];
  const isFine =
    rule.id >= 0 &&
    ['in', 'out'].includes(rule.direction) &&
    texts.every((text) => text.length <= TEXT_MAX && !/\p{Cc}/u.test(text));
  if (!isFine) {
    throw new ManagerError('BAD_FIREWALL_RULE', {
      message: 'A rule has a number from 0, the direction in or out, and single lines of text',
    });
  }
  const node = { direction: rule.direction, 'remote-ip': rule.remoteIp, extra: rule.extra };
  draft.replace(`/vm/${uuid}/firewall-rule/${rule.id}`, folderOf(Object.entries(node)));
}

export function deleteNetworkRule(draft: Draft, uuid: string, id: number): void {
  draft.rm(`/vm/${uuid}/firewall-rule/${id}`);
}
