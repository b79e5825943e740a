// The order in which kernel modules must be loaded, from modules.dep(5). Pure.

/**
 * The files of `modules` and of all that they need, each after what it needs; a module that is not listed is
 * built into the kernel and left out.
 *
 * @param modulesDep the text of `modules.dep`: `FILE: NEEDED-FILE...`, paths relative to its folder.
 * @param modules names as `modprobe` takes them: `xen-blkfront`.
 */
export function moduleLoadOrder(modulesDep: string, modules: readonly string[]): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  const files = new Map<string, string>();
  for (const line of modulesDep.split('\n')) {
    const [file, needed = ''] = line.split(':');
    if (file === undefined || file === '') continue;
    needs.set(
      file,
      needed.split(' ').filter((word) => word !== ''),
    );
    files.set(moduleName(file), file);
  }
  const ordered = new Set<string>();
  const visit = (file: string): void => {
    if (ordered.has(file)) return;
    for (const needed of needs.get(file) ?? []) visit(needed);
    ordered.add(file);
  };
  for (const name of modules) {
    const file = files.get(moduleName(name));
    if (file !== undefined) visit(file);
  }
  return [...ordered];
}

/** The kernel takes `-` and `_` for the same, and a file may be compressed. */
function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1);
  return base.replace(/\.ko(\.\w+)?$/, '').replaceAll('_', '-');
}
