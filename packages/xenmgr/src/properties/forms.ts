/** Checks and bounds that several rows share. */
import { form, type Check } from './property-row.ts';

/** 16 TiB, the most memory that Xen gives a guest (SUPPORT.md). */
export const MEMORY_MIB_MAX: number = 16 * 1024 * 1024;

export const OPTIONAL_UUID: Check = form(
  /^(|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i,
  'empty or a uuid',
);

export const UUID_LIST: Check = form(
  /^(|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}( *; *[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})*)$/,
  'empty or uuids of VMs, in small letters, separated by ";"',
);

export const ABSOLUTE_OR_EMPTY: Check = form(
  /^(|\/(?!(.*\/)?\.\.(\/|$)).*)$/,
  'empty or an absolute path without ..',
);

export const RELATIVE_PATH: Check = form(
  /^(?!\/)(?!(.*\/)?\.\.(\/|$)).*$/,
  'a relative path without ..',
);

export const ADDRESS_RANGE: Check = form(
  /^(|(0x[0-9a-f]+|[0-9]+)-(0x[0-9a-f]+|[0-9]+))$/i,
  'empty or two numbers with - between',
);

/** The names of the values 0 to 3 of HVM_PARAM_TIMER_MODE (xen/include/public/hvm/params.h), as xl.cfg(5) has them. */
export const TIMER_MODES: readonly string[] = [
  'delay_for_missed_ticks',
  'no_delay_for_missed_ticks',
  'no_missed_ticks_pending',
  'one_missed_tick_pending',
];

/** One line, absolute, without `..`. */
// eslint-disable-next-line @typescript-eslint/no-inferrable-types -- isolated declarations want it
export const ABSOLUTE_PATH: RegExp = /^\/(?!(.*\/)?\.\.(\/|$))[^\u0000-\u001f\u007f]*$/;
