/** Paths as the daemon sees them: absolute, checked, taken apart. Rules and limits are those of the C xenstored. */
import { PATH_BYTES } from './limits.ts';

const CHARACTERS = /^\/[-0-9A-Za-z_@/]*$/;
const OWN_PREFIX = /^\/local\/domain\/[0-9]{1,5}\//;

/** The path with the connection's own root in front when it is relative. */
export function canonicalPath(path: string, root: string): string {
  return path.startsWith('/') || path.startsWith('@') ? path : `${root}/${path}`;
}

/** Whether a node can have this absolute path. */
export function isNodePath(path: string): boolean {
  if (!CHARACTERS.test(path) || path.includes('//')) return false;
  if (path.length > 1 && path.endsWith('/')) return false;
  if (path.length <= PATH_BYTES) return true;
  const ownPrefix = OWN_PREFIX.exec(path)?.[0] ?? '';
  return path.length <= ownPrefix.length + PATH_BYTES;
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
