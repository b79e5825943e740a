/**
 * From the rules of VMs to what is opened between domains now. Argo's filter knows single messages and no connections,
 * so that a rule also opens the way back for the answers: ends and ports exchanged. A rule that names the port of the
 * service opens no more than that port's answers; one without ports opens everything between its ends.
 */
import type { ArgoRule, Endpoint, RuleEnd } from './argo-rule.ts';

/** A VM that runs, as rules see it. */
export interface ArgoVm {
  readonly uuid: string;
  readonly domid: number;
  /** Undefined without a stub domain. */
  readonly stubDomid: number | undefined;
  readonly name: string;
  readonly type: string;
  readonly isSeamless: boolean;
  readonly rules: readonly ArgoRule[];
}

/** Every domain, or one. */
type End = 'any' | number;

/** What is open, as the words of a filter's rule without its verb; each once. */
export function argoOpenings(running: readonly ArgoVm[]): ReadonlySet<string> {
  const openings = new Set<string>();
  for (const owner of running) {
    for (const { from, to } of owner.rules) {
      for (const source of endsOf(from.who, owner, running)) {
        for (const target of endsOf(to.who, owner, running)) {
          if (source === target) continue;
          openings.add(wordsOf(source, from, target, to));
          openings.add(wordsOf(target, to, source, from));
        }
      }
    }
  }
  return openings;
}

function endsOf(who: Endpoint, owner: ArgoVm, running: readonly ArgoVm[]): readonly End[] {
  const domids = (isMeant: (vm: ArgoVm) => boolean): readonly number[] =>
    running.filter(isMeant).map(({ domid }) => domid);
  switch (who.kind) {
    case 'any':
      return ['any'];
    case 'dom0':
      return [0];
    case 'uuid':
      return domids(({ uuid }) => uuid === who.value);
    case 'myself':
      return [owner.domid];
    case 'my-stubdom':
      return owner.stubDomid === undefined ? [] : [owner.stubDomid];
    case 'seamless':
      return domids(({ isSeamless }) => isSeamless);
    case 'myself-if-seamless':
      return owner.isSeamless ? [owner.domid] : [];
    case 'dom-type':
      return domids(({ type }) => type === who.value);
    case 'dom-name':
      return domids(({ name }) => name === who.value);
  }
}

function wordsOf(
  from: End,
  { port: fromPort }: RuleEnd,
  to: End,
  { port: toPort }: RuleEnd,
): string {
  return [
    ...(from === 'any' ? [] : [`--dom-in ${from}`]),
    ...(to === 'any' ? [] : [`--dom-out ${to}`]),
    ...(fromPort === 0 ? [] : [`--port-in ${fromPort}`]),
    ...(toPort === 0 ? [] : [`--port-out ${toPort}`]),
    '-j ACCEPT',
  ].join(' ');
}
