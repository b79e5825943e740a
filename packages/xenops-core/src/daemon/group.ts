/** Groups by name, as /etc/group has them; Node has no call for it. */

/** The number of a group that is named, or given as its number; undefined when there is none. */
export function findGroup(text: string, groupFile: string): number | undefined {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  for (const line of groupFile.split('\n')) {
    const [name, , gid] = line.split(':');
    if (name === text && gid !== undefined && /^[0-9]+$/.test(gid)) return Number(gid);
  }
  return undefined;
}
