// Sizes as people write them. Pure.
import { LabError } from './errors.ts';

const mibPerUnit: Readonly<Record<string, number>> = { M: 1, G: 1024 };

/** Too little for Xen, a Dom0 and one guest. */
export const LAB_MEMORY_MIB_MIN = 1536;

/** MiB from `6G`, `6144M` or a plain number of MiB. @throws LabError LAB_USAGE for anything else. */
export function parseMemoryMib(text: string): number {
  const match = /^(\d+)([MG]?)$/i.exec(text);
  const mib = Number(match?.[1]) * (mibPerUnit[match?.[2]?.toUpperCase() ?? ''] ?? 1);
  if (match === null || mib < LAB_MEMORY_MIB_MIN) {
    throw new LabError('LAB_USAGE', {
      message: `"${text}" is no memory size for a lab: write 6G or 6144M, at least ${String(LAB_MEMORY_MIB_MIN)}M`,
    });
  }
  return mib;
}
