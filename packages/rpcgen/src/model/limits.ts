/** Limits of the D-Bus specification, which every bus and library enforces. */

/** Bytes in an interface, member, error or bus name. */
export const NAME_BYTES_MAX = 255;

/** Bytes in a signature. */
export const SIGNATURE_BYTES_MAX = 255;

/** Arrays inside arrays, and apart from them structs inside structs. */
export const NESTING_MAX = 32;
