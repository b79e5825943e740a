// The command's exit status for each code.
import type { LabErrorCode } from './errors.ts';

export const exitStatus: Readonly<Record<LabErrorCode, number>> = {
  LAB_ABORTED: 1,
  LAB_COMMAND_FAILED: 1,
  LAB_HOST_UNSUITABLE: 1,
  LAB_LOST: 1,
  LAB_NOT_FOUND: 5,
  LAB_TIMEOUT: 4,
  LAB_USAGE: 2,
};
