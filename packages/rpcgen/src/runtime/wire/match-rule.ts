/** Match rules: which signals the bus sends us. Source: D-Bus specification, "Match Rules". */
import { BusError } from '../errors.ts';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from './names.ts';

/** What a signal must have to be wanted; what is left out matches anything. */
export interface SignalRule {
  /** Unique or well-known; for a well-known name its present owner is meant. */
  readonly sender?: string;
  readonly path?: string;
  /** This path or any below it. */
  readonly pathNamespace?: string;
  readonly interface?: string;
  readonly member?: string;
  /** The first argument, a string. */
  readonly arg0?: string;
}

const CHECKS: Readonly<Record<keyof SignalRule, (text: string) => boolean>> = {
  sender: isBusName,
  path: isObjectPath,
  pathNamespace: isObjectPath,
  interface: isInterfaceName,
  member: isMemberName,
  arg0: (text) => !text.includes('\0'),
};

const KEYS: readonly (readonly [keyof SignalRule, string])[] = [
  ['sender', 'sender'],
  ['path', 'path'],
  ['pathNamespace', 'path_namespace'],
  ['interface', 'interface'],
  ['member', 'member'],
  ['arg0', 'arg0'],
];

/** Gives the rule as the bus wants it; equal rules give equal text. Throws BusError `DBUS_BAD_NAME`. */
export function renderSignalRule(rule: SignalRule): string {
  const parts = ["type='signal'"];
  for (const [key, name] of KEYS) {
    const value = rule[key];
    if (value === undefined) continue;
    if (!CHECKS[key](value)) {
      throw new BusError('DBUS_BAD_NAME', {
        message: `The ${key} of a signal rule is no valid name of its kind`,
        context: { key, value },
      });
    }
    parts.push(`${name}='${value.replaceAll("'", "'\\''")}'`);
  }
  return parts.join(',');
}

/** Tells whether a path is the root itself or lies below it. */
export function isBelow(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}
