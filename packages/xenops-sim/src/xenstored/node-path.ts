/** Paths as the daemon sees them: absolute, checked, taken apart. Rules are those of the C xenstored. */

const CHARACTERS = /^\/[-0-9A-Za-z_@/]*$/;
const OWN_PREFIX = /^\/local\/domain\/[0-9]{1,5}\//;

/** The path with the connection's own root in front when it is relative. */
export function canonicalPath(path: string, root: string): string {
  return path.startsWith('/') || path.startsWith('@') ? path : `${root}/${path}`;
}

/** Whether a node can have this absolute path; `bytesMax` counts after `/local/domain/N/`. */
export function isNodePath(path: string, bytesMax: number): boolean {
  if (!CHARACTERS.test(path) || path.includes('//')) return false;
  if (path.length > 1 && path.endsWith('/')) return false;
  if (path.length <= bytesMax) return true;
  const ownPrefix = OWN_PREFIX.exec(path)?.[0] ?? '';
  return path.length <= ownPrefix.length + bytesMax;
}

/** The path of the parent; the root is its own. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last part. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** The root of a domain's own nodes. */
export function domainPath(domid: number): string {
  return `/local/domain/${domid}`;
}

/** The number at the start of a text, 0 when there is none. */
export function atoi(text: string): number {
  return Number(/^\s*([-+]?[0-9]+)/.exec(text)?.[1] ?? 0) | 0;
}
