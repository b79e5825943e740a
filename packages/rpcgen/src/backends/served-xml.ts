/**
 * What a server shows to Introspect: each `<interface>` of the original document, verbatim with its comments and
 * annotations, but without elements and attributes of foreign namespaces (`tp:enum`, `tp:type`), because readers such
 * as busctl refuse the whole document for one of them.
 */

const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(?<close>\/?)(?<name>[^\s/>!?]+)(?:"[^"]*"|'[^']*'|[^>"'])*>/g;
const FOREIGN_ATTRIBUTE =
  /\s+(?:[\w.-]+:[\w.-]+|xmlns)\s*=\s*(?:"[^"]*"|'[^']*')(?=(?:[^"']|"[^"]*"|'[^']*')*$)/g;
const NAME_ATTRIBUTE = /\sname\s*=\s*(?:"([^"]*)"|'([^']*)')/;

/** Gives the element of each interface of a well-formed document, by interface name. */
export function servedInterfaces(xml: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const element of interfaceElements(xml)) {
    const open = element.slice(0, element.indexOf('>') + 1);
    const [, double, single] = NAME_ATTRIBUTE.exec(open) ?? [];
    const name = double ?? single ?? '';
    if (!found.has(name)) found.set(name, withoutForeign(element));
  }
  return found;
}

function interfaceElements(xml: string): readonly string[] {
  const elements: string[] = [];
  let start = -1;
  for (const { 0: text, index, groups } of xml.matchAll(TOKEN)) {
    if (groups?.['name'] !== 'interface') continue;
    const isClosing = groups['close'] === '/';
    if (!isClosing) start = index;
    if ((isClosing || text.endsWith('/>')) && start >= 0) {
      elements.push(xml.slice(start, index + text.length));
      start = -1;
    }
  }
  return elements;
}

function withoutForeign(element: string): string {
  let kept = '';
  let end = 0;
  let depth = 0;
  for (const { 0: text, index, groups } of element.matchAll(TOKEN)) {
    if (depth === 0) kept += element.slice(end, index);
    end = index + text.length;
    const name = groups?.['name'];
    if (name?.includes(':') !== true) {
      if (depth === 0) kept += name === undefined ? text : text.replace(FOREIGN_ATTRIBUTE, '');
    } else if (groups?.['close'] === '/') depth--;
    else if (!text.endsWith('/>')) depth++;
  }
  // What stood alone on its line leaves no empty line behind.
  return (kept + element.slice(end)).replace(/\n[ \t]*(?=\n)/g, '');
}
