/** Limits of the protocol (`XENSTORE_PAYLOAD_MAX` and others, xen/include/public/io/xs_wire.h). */
export const HEADER_BYTES = 16;
export const PAYLOAD_BYTES_MAX = 4096;
export const ABSOLUTE_PATH_BYTES_MAX = 3072;
export const RELATIVE_PATH_BYTES_MAX = 2048;
