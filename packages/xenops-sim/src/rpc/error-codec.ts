/** Errors across the socket: code, message, context and the text of the cause; rebuilt as the same class. */
import {
  AbortedError,
  ConfigError,
  DeviceError,
  type ErrorContext,
  HypervisorError,
  type HypervisorErrorCode,
  TimeoutError,
  XenopsError,
} from '@xenops/core/errors';

export interface WireFailure {
  readonly code: string;
  readonly message: string;
  readonly context: ErrorContext;
  readonly cause?: string;
}

/** The error as data; one that is none of ours becomes HYPERVISOR_CALL_FAILED. */
export function encodeError(error: unknown): WireFailure {
  if (!(error instanceof XenopsError)) {
    return {
      code: 'HYPERVISOR_CALL_FAILED',
      message: 'The simulated hypervisor failed',
      context: {},
      cause: String(error),
    };
  }
  const { message, context, cause } = error;
  // Narrowed by instanceof, the type parameter of the class is unknown.
  const code: string = error.code as string;
  return { code, message, context, ...(cause instanceof Error ? { cause: cause.message } : {}) };
}

/** The error that the data stands for. */
export function decodeError({ code, message, context, cause }: WireFailure): XenopsError {
  const details = { message, context, ...(cause === undefined ? {} : { cause: new Error(cause) }) };
  if (code === 'ABORTED') return new AbortedError(details);
  if (code === 'TIMEOUT') return new TimeoutError(details);
  if (code === 'CONFIG_BAD_VALUE') return new ConfigError(code, details);
  if (code === 'HOTPLUG_FAILED') return new DeviceError(code, details);
  return new HypervisorError(isHypervisorCode(code) ? code : 'HYPERVISOR_CALL_FAILED', details);
}

const CODES: Readonly<Record<HypervisorErrorCode, true>> = {
  HYPERVISOR_UNAVAILABLE: true,
  HYPERVISOR_NO_DOMAIN: true,
  HYPERVISOR_NOT_PERMITTED: true,
  HYPERVISOR_NO_MEMORY: true,
  HYPERVISOR_BAD_ARGUMENT: true,
  HYPERVISOR_EXISTS: true,
  HYPERVISOR_BUSY: true,
  HYPERVISOR_NOT_SUPPORTED: true,
  HYPERVISOR_CALL_FAILED: true,
  BUILD_KERNEL_UNREADABLE: true,
  BUILD_KERNEL_INVALID: true,
  BUILD_RAMDISK_UNREADABLE: true,
};

const isHypervisorCode = (code: string): code is HypervisorErrorCode => code in CODES;
