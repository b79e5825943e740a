/**
 * Every conversion between units of memory, each naming its rounding: what is *used* rounds up, what is *free* rounds
 * down. Quantities are whole numbers below 2^53; nothing else in the toolstack multiplies by 4 or 1024.
 */

export const BYTES_PER_KIB = 1024;
/** Size of a page of x86, the unit of Xen's memory calls. */
export const KIB_PER_PAGE = 4;
export const KIB_PER_MIB = 1024;
export const PAGES_PER_MIB: number = KIB_PER_MIB / KIB_PER_PAGE;

export const kibFromPages = (pages: number): number => pages * KIB_PER_PAGE;
export const kibFromMib = (mib: number): number => mib * KIB_PER_MIB;
export const pagesFromMib = (mib: number): number => mib * PAGES_PER_MIB;
export const pagesFromKibUp = (kib: number): number => Math.ceil(kib / KIB_PER_PAGE);
export const pagesFromKibDown = (kib: number): number => Math.floor(kib / KIB_PER_PAGE);
export const mibFromKibUp = (kib: number): number => Math.ceil(kib / KIB_PER_MIB);
export const mibFromKibDown = (kib: number): number => Math.floor(kib / KIB_PER_MIB);
export const mibFromPagesUp = (pages: number): number => Math.ceil(pages / PAGES_PER_MIB);
export const mibFromPagesDown = (pages: number): number => Math.floor(pages / PAGES_PER_MIB);
export const kibFromBytesUp = (bytes: number): number => Math.ceil(bytes / BYTES_PER_KIB);
export const kibFromBytesDown = (bytes: number): number => Math.floor(bytes / BYTES_PER_KIB);
export const roundKibUpToMib = (kib: number): number => kibFromMib(mibFromKibUp(kib));
export const roundKibUpToPage = (kib: number): number => kibFromPages(pagesFromKibUp(kib));
export const roundKibDownToPage = (kib: number): number => kibFromPages(pagesFromKibDown(kib));
