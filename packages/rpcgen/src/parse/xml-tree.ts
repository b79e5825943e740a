/**
 * XML text to a tree with positions, comments kept. The only file that knows the XML library (saxes): strict, with
 * namespaces, without DTD processing; of entities only the five of XML and plain texts (`entities.ts`), so that
 * nothing is fetched and nothing blows up. Everything that an input can make large has a limit.
 */
import { SaxesParser } from 'saxes';
import type { Position } from '../model/position.ts';
import {
  ATTRIBUTE_LENGTH_MAX,
  ATTRIBUTES_MAX,
  DEPTH_MAX,
  DOCUMENT_LENGTH_MAX,
  ELEMENTS_MAX,
  XML_NAME_LENGTH_MAX,
} from './limits.ts';
import { parseEntities } from './entities.ts';
import { LineTable } from './line-table.ts';
import type { ProblemList } from './problem-list.ts';

/** The namespace of enumerations and docstrings; the prefix `tp` means it even where it is not declared. */
export const TELEPATHY_NAMESPACE = 'http://telepathy.freedesktop.org/wiki/DbusSpec#extensions-v0';

/** An attribute. */
export interface XmlAttribute {
  readonly local: string;
  readonly prefix: string;
  readonly value: string;
  readonly position: Position;
}

/** An element with everything in it, in document order. */
export interface XmlElement {
  readonly kind: 'element';
  /** The name as written, for messages. */
  readonly name: string;
  readonly local: string;
  readonly prefix: string;
  readonly uri: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlContent[];
  readonly position: Position;
}

/** A comment without its marks. */
export interface XmlComment {
  readonly kind: 'comment';
  readonly text: string;
}

/** Character data, CDATA sections included. */
export interface XmlText {
  readonly kind: 'text';
  readonly text: string;
  readonly position: Position;
}

/** What an element may hold. */
export type XmlContent = XmlElement | XmlComment | XmlText;

interface OpenElement extends XmlElement {
  uri: string;
  readonly attributes: XmlAttribute[];
  readonly children: XmlContent[];
}

/** Stops the library in the middle of a document. */
class StopParsing extends Error {
  override readonly name = 'StopParsing';
}

class TreeBuilder {
  root: XmlElement | undefined;
  readonly #text: string;
  readonly #lines: LineTable;
  readonly #problems: ProblemList;
  readonly #parser: SaxesParser<{ xmlns: true }>;
  readonly #open: OpenElement[] = [];
  #elementCount = 0;
  /** The offset up to which the present start tag has been read. */
  #tagOffset = 0;

  constructor({ file, text }: { file: string; text: string }, problems: ProblemList) {
    this.#text = text;
    this.#lines = new LineTable(file, text);
    this.#problems = problems;
    this.#parser = new SaxesParser({
      xmlns: true,
      additionalNamespaces: { tp: TELEPATHY_NAMESPACE },
    });
    this.#listen();
  }

  run(): void {
    if (this.#text.length > DOCUMENT_LENGTH_MAX) {
      this.#problems.error(
        this.#lines.positionAt(0),
        `the document is longer than ${DOCUMENT_LENGTH_MAX} characters`,
      );
      return;
    }
    try {
      this.#parser.write(this.#text).close();
    } catch (error) {
      if (!(error instanceof StopParsing)) throw error;
      this.root = undefined;
    }
  }

  #listen(): void {
    const parser = this.#parser;
    parser.on('error', (error) => this.#error(error.message.replace(/^(\d+:\d+: )+/, '')));
    parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && !/^(utf-?8|us-ascii)$/i.test(encoding)) {
        this.#error(`the encoding is ${encoding}; only UTF-8 is read`);
      }
    });
    parser.on('doctype', (doctype) => this.#doctype(doctype));
    parser.on('opentagstart', ({ name }) => this.#start(name));
    parser.on('attribute', (attribute) => this.#attribute(attribute));
    parser.on('opentag', ({ uri }) => {
      const element = this.#open.at(-1);
      if (element !== undefined) element.uri = uri;
    });
    parser.on('closetag', () => this.#end());
    parser.on('comment', (text) => this.#open.at(-1)?.children.push({ kind: 'comment', text }));
    parser.on('text', (text) => this.#characters(text));
    parser.on('cdata', (text) => this.#characters(text));
  }

  #doctype(doctype: string): void {
    const declared = parseEntities(doctype, this.#text);
    if (declared.kind === 'refused') {
      this.#stop(this.#lines.positionAt(this.#parser.position - 1), declared.reason);
    }
    for (const [name, value] of declared.entities) this.#parser.ENTITIES[name] = value;
  }

  #start(name: string): void {
    const offset = this.#text.lastIndexOf('<', this.#parser.position - 1);
    const position = this.#lines.positionAt(offset);
    if (++this.#elementCount > ELEMENTS_MAX) {
      this.#stop(position, `the document has more than ${ELEMENTS_MAX} elements`);
    }
    if (this.#open.length >= DEPTH_MAX) {
      this.#stop(position, `elements are nested more than ${DEPTH_MAX} deep`);
    }
    this.#checkName(name, position);
    const colon = name.indexOf(':');
    const element: OpenElement = {
      kind: 'element',
      name,
      local: name.slice(colon + 1),
      prefix: name.slice(0, Math.max(colon, 0)),
      uri: '',
      attributes: [],
      children: [],
      position,
    };
    this.root ??= element;
    this.#open.at(-1)?.children.push(element);
    this.#open.push(element);
    this.#tagOffset = this.#parser.position;
  }

  #attribute({ name, local, prefix, value }: AttributeEvent): void {
    const element = this.#open.at(-1);
    if (element === undefined) return;
    const found = this.#text.indexOf(name, this.#tagOffset - 1);
    const position = this.#lines.positionAt(found === -1 ? this.#tagOffset : found);
    this.#tagOffset = this.#parser.position;
    this.#checkName(name, position);
    if (value.length > ATTRIBUTE_LENGTH_MAX) {
      this.#stop(position, `the value is longer than ${ATTRIBUTE_LENGTH_MAX} characters`);
    }
    if (element.attributes.length >= ATTRIBUTES_MAX) {
      this.#stop(position, `the element has more than ${ATTRIBUTES_MAX} attributes`);
    }
    element.attributes.push({ local, prefix, value, position });
  }

  #end(): void {
    this.#open.pop();
  }

  #characters(text: string): void {
    const children = this.#open.at(-1)?.children;
    if (children === undefined || text === '') return;
    // The library reports text when the next thing begins, which is on the line of the text's end.
    const position = this.#lines.positionAt(Math.max(this.#parser.position - 1, 0));
    children.push({ kind: 'text', text, position });
  }

  #checkName(name: string, position: Position): void {
    if (name.length > XML_NAME_LENGTH_MAX) {
      this.#stop(position, `the name is longer than ${XML_NAME_LENGTH_MAX} characters`);
    }
  }

  #error(message: string): void {
    const offset = Math.min(Math.max(this.#parser.position - 1, 0), this.#text.length);
    this.#problems.error(
      this.#lines.positionAt(offset),
      `not well-formed: ${message.replace(/\.$/, '')}`,
    );
  }

  #stop(position: Position, message: string): never {
    this.#problems.error(position, message);
    throw new StopParsing(message);
  }
}

interface AttributeEvent {
  readonly name: string;
  readonly local: string;
  readonly prefix: string;
  readonly value: string;
}

/**
 * Parses a document as far as it can be read, and adds everything that is wrong to the problems. Gives undefined
 * when there is no root element or a limit was passed.
 */
export function parseXmlTree(
  source: { readonly file: string; readonly text: string },
  problems: ProblemList,
): XmlElement | undefined {
  const builder = new TreeBuilder(source, problems);
  builder.run();
  return builder.root;
}
