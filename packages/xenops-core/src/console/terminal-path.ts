import { DOM0 } from '../ids.ts';
import type { Permissions } from '../xenstore/permissions.ts';

const TERMINAL = /^\/dev\/pts\/(0|[1-9]\d{0,6})$/;

/**
 * The terminal that a node names; undefined when its value is no pseudo-terminal, or when anybody but Dom0 could have written it (XSA-57):
 * whoever opens what a guest names can be made to open anything.
 */
export function terminalPath(
  value: string | undefined,
  permissions: Permissions,
): string | undefined {
  const { owner, others, listed } = permissions;
  const canWrite = [{ domid: DOM0, access: others }, ...listed].some(
    ({ domid, access }, index) =>
      (index === 0 || domid !== DOM0) && (access === 'write' || access === 'both'),
  );
  if (owner !== DOM0 || canWrite) return undefined;
  return TERMINAL.test(value ?? '') ? value : undefined;
}
