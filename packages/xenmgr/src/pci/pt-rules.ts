/** Rules that say which PCI devices go to a VM: by class, vendor and device, or by address. */
import { folderOf } from '../db/tree.ts';
import type { Draft, View } from '../db/view.ts';
import { listIndex } from '../db/path.ts';
import type { HostPciDevice } from '../host/pci-devices.ts';
import { hex4 } from '../host/pci-devices.ts';
import { ManagerError } from '../manager/manager-error.ts';

/** A rule by what a device is; a part that is undefined matches everything. */
export interface KindRule {
  readonly kind: 'kind';
  readonly class: number | undefined;
  readonly vendor: number | undefined;
  readonly device: number | undefined;
  /** The guest sees the device at the slot that it has in the host. */
  readonly isSlotForced: boolean;
}

/** A rule for one device. */
export interface AddressRule {
  readonly kind: 'address';
  /** `dddd:bb:ss.f`. */
  readonly address: string;
  /** Where the guest sees it. */
  readonly slot: number | undefined;
}

export type PtRule = KindRule | AddressRule;

/** A rule with its number. */
export interface NumberedRule {
  readonly id: number;
  readonly rule: PtRule;
}

const RULES_MAX = 256;
const ADDRESS = /^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:@(?:0x)?([0-9a-f]{1,2}))?$/i;
const SLOT_MAX = 31;

/** A rule from the texts of a caller: numbers in decimal or with 0x; empty or `any` matches all. Throws BAD_VALUE. */
export function parseKindRule(pciClass: string, vendor: string, device: string): KindRule {
  return {
    kind: 'kind',
    class: parsePart('class', pciClass),
    vendor: parsePart('vendor', vendor),
    device: parsePart('device', device),
    isSlotForced: false,
  };
}

function parsePart(what: string, text: string): number | undefined {
  const word = text.trim().toLowerCase();
  if (word === '' || word === 'any') return undefined;
  const number = /^(0x[0-9a-f]{1,4}|[0-9]{1,5})$/.test(word) ? Number(word) : NaN;
  if (number <= 0xffff) return number;
  throw new ManagerError('BAD_VALUE', {
    message: `The ${what} is a number up to 0xffff, or any, not ${JSON.stringify(text.slice(0, 40))}`,
  });
}

/** A rule from `dddd:bb:ss.f` with `@SLOT` behind it, the slot in hexadecimal. Throws BAD_VALUE. */
export function parseAddressRule(text: string): AddressRule {
  const found = ADDRESS.exec(text.trim());
  const slot = found?.[2] === undefined ? undefined : Number.parseInt(found[2], 16);
  if (found?.[1] !== undefined && (slot ?? 0) <= SLOT_MAX) {
    return { kind: 'address', address: found[1].toLowerCase(), slot };
  }
  throw new ManagerError('BAD_VALUE', {
    message: `A PCI address is dddd:bb:ss.f, with @SLOT behind it if need be, not ${JSON.stringify(text.slice(0, 40))}`,
  });
}

/** The rules of a VM, by number. What somebody has stored and is no rule is left out. */
export function ptRules(view: View, uuid: string): readonly NumberedRule[] {
  const base = nodeOf(uuid);
  return view.list(base).flatMap((name) => {
    const id = listIndex(name);
    const rule = readRule(view, `${base}/${name}`);
    return id === undefined || rule === undefined ? [] : [{ id, rule }];
  });
}

function readRule(view: View, node: string): PtRule | undefined {
  const text = (key: string): string => view.read(`${node}/${key}`) ?? '';
  try {
    if (view.exists(`${node}/bdf`)) return parseAddressRule(text('bdf'));
    const rule = parseKindRule(text('class'), text('vendor'), text('device'));
    return { ...rule, isSlotForced: text('force-slot') === 'true' };
  } catch {
    return undefined;
  }
}

/** Adds a rule with the next number, unless an equal one is there. Throws BAD_VALUE for too many. */
export function addRule(draft: Draft, uuid: string, rule: PtRule): void {
  const rules = ptRules(draft, uuid);
  if (rules.some((other) => isSame(other.rule, rule))) return;
  if (rules.length >= RULES_MAX) {
    throw new ManagerError('BAD_VALUE', { message: `A VM has at most ${RULES_MAX} rules` });
  }
  const id = Math.max(0, ...draft.list(nodeOf(uuid)).map((name) => listIndex(name) ?? 0)) + 1;
  draft.replace(`${nodeOf(uuid)}/${id}`, folderOf(Object.entries(fieldsOf(rule))));
}

/** Removes all rules equal to this one; none is fine. */
export function deleteRule(draft: Draft, uuid: string, rule: PtRule): void {
  for (const other of ptRules(draft, uuid)) {
    if (isSame(other.rule, rule)) draft.rm(`${nodeOf(uuid)}/${other.id}`);
  }
}

function isSame(one: PtRule, other: PtRule): boolean {
  return formatRule(one) === formatRule(other);
}

/** The rule for people to read, one text for equal rules. */
export function formatRule(rule: PtRule): string {
  if (rule.kind === 'address') return formatAddress(rule);
  const part = (value: number | undefined): string => (value === undefined ? 'any' : hex4(value));
  return `class=${part(rule.class)} vendor=${part(rule.vendor)} device=${part(rule.device)}`;
}

function formatAddress({ address, slot }: AddressRule): string {
  return slot === undefined ? address : `${address}@${slot.toString(16)}`;
}

function fieldsOf(rule: PtRule): Readonly<Record<string, string>> {
  if (rule.kind === 'address') return { bdf: formatAddress(rule) };
  const fields = { class: rule.class, vendor: rule.vendor, device: rule.device };
  const known = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, hex4(value)] as const],
  );
  // A rule that matches everything still has to be a node.
  return known.length === 0 ? { class: 'any' } : Object.fromEntries(known);
}

function nodeOf(uuid: string): string {
  return `/vm/${uuid}/config/pci`;
}

/** Whether a rule means a device. */
export function matches(rule: PtRule, device: HostPciDevice): boolean {
  if (rule.kind === 'address') return rule.address === device.address;
  return (['class', 'vendor', 'device'] as const).every(
    (part) => rule[part] === undefined || rule[part] === device[part],
  );
}

/** Where the guest is to see a device by this rule; undefined where that is left to others. */
export function guestSlot(rule: PtRule, device: HostPciDevice): number | undefined {
  if (rule.kind === 'address') return rule.slot;
  return rule.isSlotForced ? Number.parseInt(device.address.slice(8, 10), 16) : undefined;
}
