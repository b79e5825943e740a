/** The modules of a document, with the names of the original generator. */
import { CodeWriter } from '../../emit/writer.ts';
import { emitsChanged, findTimeoutMs, isNoReply } from '../../model/annotations.ts';
import type { BasicCode, DbusType } from '../../model/dbus-type.ts';
import type {
  Arg,
  Document,
  Enum,
  EnumValue,
  Interface,
  Method,
  Property,
  Signal,
} from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import { enumsOf, interfacesOf } from '../../model/walk.ts';
import { camelise, capitalise, decapitalise } from '../../naming/case.ts';
import { argNames, NameTable, toIdentifier } from '../../naming/name-table.ts';
import type { GeneratedFile, GenerateOptions } from '../backend.ts';
import { docLines, memberDocLines } from '../doc-lines.ts';
import { servedInterfaces } from '../served-xml.ts';
import { SUPPORT_BODY } from './support.ts';

const RESERVED: ReadonlySet<string> = new Set(
  `case class data default deriving do else family forall foreign if import in infix infixl infixr instance let
   mdo module newtype of proc rec then type where _ qualified as hiding interfaces service_ objPath_ server_ args_
   handler_ value_ result_ return fmap liftIO
   expect toVariant wrongReply rpcCall rpcCallNoReply rpcGet rpcSet rpcEmit rpcOn`.split(/\s+/),
);
const EXTENSIONS =
  '{-# LANGUAGE FlexibleContexts, FlexibleInstances, KindSignatures, RankNTypes, ScopedTypeVariables, UndecidableInstances #-}';
const WARNINGS = '{-# OPTIONS_GHC -Wno-unused-imports -Wno-name-shadowing -Wno-unused-matches #-}';

const BASIC: Readonly<Record<BasicCode, string>> = {
  y: 'Word8',
  b: 'Bool',
  n: 'Int16',
  q: 'Word16',
  i: 'Int32',
  u: 'Word32',
  x: 'Int64',
  t: 'Word64',
  d: 'Double',
  s: 'String',
  o: 'ObjectPath',
  g: 'Signature',
  h: 'Fd',
};

/** Gives the Haskell type of a D-Bus type. */
function renderType(type: DbusType): string {
  switch (type.kind) {
    case 'basic':
      return BASIC[type.code];
    case 'variant':
      return 'Variant';
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y'
        ? 'ByteString'
        : `[${renderType(type.element)}]`;
    case 'dict':
      return `(Map ${renderType(type.key)} ${renderType(type.value)})`;
    case 'struct': {
      const fields = type.fields.map(renderType);
      return fields.length === 1 ? `(Single ${fields[0] ?? ''})` : `(${fields.join(', ')})`;
    }
  }
}

function resultType(args: readonly Arg[]): string {
  return `(${args.map(({ type }) => renderType(type)).join(', ')})`;
}

function quoted(text: string): string {
  const characters = Array.from(text, (one) => {
    const code = one.codePointAt(0) ?? 0;
    if (one === '"' || one === '\\') return `\\${one}`;
    // The empty escape ends the number.
    return code < 0x20 || code > 0x7e ? `\\${code}\\&` : one;
  });
  return `"${characters.join('')}"`;
}

function comment(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `-- ${line}`.trimEnd());
}

/** The identifiers of a document. */
export class Names {
  readonly #table = new NameTable({ reserved: RESERVED });
  readonly #known = new Map<string, string>();

  /** The same request gives the same name. */
  of(key: string, wanted: string): string {
    const known = this.#known.get(key) ?? this.#table.take(wanted);
    this.#known.set(key, known);
    return known;
  }

  member(owner: Interface, { name, kind }: Method | Signal | Property, prefix = ''): string {
    const words = `${owner.name}_${prefix}${name}`.replace(/[^A-Za-z0-9]+/g, '_');
    const wanted = decapitalise(camelise(words));
    return this.of(
      `${kind} ${prefix} ${owner.name} ${name}`,
      kind === 'signal' && prefix === '' ? `notify${capitalise(wanted)}` : wanted,
    );
  }
}

/** Methods come first, so that they get the plain names. */
export function namesOf(document: Document): Names {
  const names = new Names();
  for (const owner of interfacesOf(document)) {
    for (const method of owner.methods) names.member(owner, method);
  }
  return names;
}

/** Gives all modules that are asked for. */
export function printModules(
  document: Document,
  { objectName, sides, modulePrefix, header }: GenerateOptions,
): readonly GeneratedFile[] {
  const base = capitalise(toIdentifier(camelise(objectName.replace(/[^A-Za-z0-9]+/g, '_'))));
  const prefix = modulePrefix === '' ? '' : `${modulePrefix}.`;
  const file = (name: string, body: (writer: CodeWriter) => void): GeneratedFile => {
    const writer = new CodeWriter();
    writer.line(
      ...comment(header),
      EXTENSIONS,
      WARNINGS,
      `module ${prefix}${base}${name} where`,
      '',
    );
    writer.line('import Control.Monad.IO.Class (liftIO)', 'import Data.ByteString (ByteString)');
    writer.line(
      'import Data.Int',
      'import qualified Data.Kind as Kind',
      'import Data.Map (Map)',
      'import Data.Word',
      'import DBus',
    );
    writer.line('import DBus.Client (SignalHandler)', 'import System.Posix.Types (Fd)');
    writer.line(`import ${prefix}RpcgenDbus`, '');
    body(writer);
    return { path: `${base}${name}.hs`, text: writer.text };
  };
  const owners = interfacesOf(document);
  const enums = enumsOf(document);
  const hasSignals = owners.some(({ signals }) => signals.length > 0);
  const support = [
    EXTENSIONS,
    '-- Support for the output of xc-rpcgen --lang haskell; the same for every document.',
  ];
  return [
    ...(sides.includes('client')
      ? [file('Client', (writer) => printClient(writer, document))]
      : []),
    ...(sides.includes('server')
      ? [file('Server', (writer) => printServer(writer, document, base))]
      : []),
    ...(sides.includes('server') && hasSignals
      ? [file('Notify', (writer) => printNotify(writer, document))]
      : []),
    ...(sides.includes('server') && enums.length > 0
      ? [file('Const', (writer) => printEnums(writer, document, new Names()))]
      : []),
    {
      path: 'RpcgenDbus.hs',
      text: `${support.join('\n')}\nmodule ${prefix}RpcgenDbus where\n${SUPPORT_BODY}`,
      isShared: true,
    },
  ];
}

function printEnums(writer: CodeWriter, document: Document, names: Names): void {
  for (const one of enumsOf(document)) {
    const scope = one.interfaceName === undefined ? '' : `${toIdentifier(one.interfaceName)}_`;
    writer.line(...comment(docLines(one)));
    for (const value of one.values) {
      const name = names.of(
        `enum ${scope}${one.name} ${value.suffix}`,
        `e${scope}${one.name}_${value.suffix}`,
      );
      writer.line(...comment(docLines(value)), `${name} :: ${BASIC[one.code]}`);
      writer.line(`${name} = ${enumLiteral(one, value)}`, '');
    }
  }
}

function enumLiteral({ code }: Enum, { value }: EnumValue): string {
  if (code === 's') return quoted(value);
  if (code === 'b') return value === 'true' || value === '1' ? 'True' : 'False';
  return code === 'd' ? `(${Number(value)})` : `(${BigInt(value)})`;
}

function argsOf(args: readonly Arg[]): readonly string[] {
  const lower = args.map(({ name }) => ({ name: decapitalise(name) }));
  return argNames(lower, { table: new NameTable({ reserved: RESERVED }), unnamed: 'arg' });
}

function signatureOf(args: readonly Arg[]): string {
  return quoted(renderSignature(args.map(({ type }) => type)));
}

function variants(names: readonly string[]): string {
  return `[${names.map((name) => `toVariant ${name}`).join(', ')}]`;
}

function arrows(args: readonly Arg[], result: string): string {
  return [...args.map(({ type }) => renderType(type)), result].join(' -> ');
}

/** The case that takes values out of a list. */
function printTake(
  writer: CodeWriter,
  what: string,
  {
    args,
    subject,
    finish,
  }: {
    readonly args: readonly Arg[];
    readonly subject: string;
    readonly finish: (names: readonly string[]) => string;
  },
): void {
  const raw = args.map((_, index) => `raw${index}_`);
  writer.line(`case ${subject} of`).indent(() => {
    writer.line(`[${raw.join(', ')}] -> do`).indent(() => {
      const plain = raw.map((name) => name.replace('raw', 'plain'));
      raw.forEach((name, index) =>
        writer.line(`${plain[index] ?? ''} <- liftIO (expect ${quoted(what)} ${name})`),
      );
      writer.line(finish(plain));
    });
    writer.line(`_ -> liftIO (wrongReply ${quoted(what)})`);
  });
}

function tuple(names: readonly string[]): string {
  return `return (${names.join(', ')})`;
}

function printClient(writer: CodeWriter, document: Document): void {
  const names = namesOf(document);
  for (const owner of interfacesOf(document)) {
    writer.line(...comment([`Client of ${owner.name}.`, ...docLines(owner)]), '');
    for (const method of owner.methods)
      printCall(writer, { owner, method, name: names.member(owner, method) });
    for (const property of owner.properties) {
      const type = renderType(property.type);
      const key = `service_ objPath_ ${quoted(owner.name)} ${quoted(property.name)}`;
      const docs = comment(memberDocLines(property, owner));
      if (property.access !== 'write') {
        const name = names.member(owner, property, 'get_');
        writer.line(...docs, `${name} :: MonadRpc m => String -> String -> m ${type}`);
        writer.line(`${name} service_ objPath_ = rpcGet ${key}`, '');
      }
      if (property.access !== 'read') {
        const name = names.member(owner, property, 'set_');
        writer.line(...docs, `${name} :: MonadRpc m => String -> String -> ${type} -> m ()`);
        writer.line(`${name} service_ objPath_ = rpcSet ${key}`, '');
      }
    }
    for (const signal of owner.signals) {
      const name = names.member(owner, signal, 'on_');
      const handler = arrows(signal.args, 'm ()');
      writer.line(...comment(memberDocLines(signal, owner)));
      writer.line(`${name} :: MonadRpc m => String -> String -> (${handler}) -> m SignalHandler`);
      writer.line(
        `${name} service_ objPath_ handler_ = rpcOn service_ objPath_ ${quoted(owner.name)} ${quoted(signal.name)} (\\args_ ->`,
      );
      writer.indent(() => {
        printTake(writer, signal.name, {
          args: signal.args,
          subject: 'args_',
          finish: (plain) => ['handler_', ...plain].join(' '),
        });
        writer.line(')');
      });
      writer.line();
    }
  }
  printEnums(writer, document, names);
}

function printCall(
  writer: CodeWriter,
  {
    owner,
    method,
    name,
  }: { readonly owner: Interface; readonly method: Method; readonly name: string },
): void {
  const args = argsOf(method.inputs);
  const head = [name, 'service_', 'objPath_', ...args].join(' ');
  const key = `service_ objPath_ ${quoted(owner.name)} ${quoted(method.name)} ${variants(args)}`;
  writer.line(...comment(memberDocLines(method, owner)));
  writer.line(
    `${name} :: MonadRpc m => String -> String -> ${arrows(method.inputs, `m ${resultType(method.outputs)}`)}`,
  );
  if (isNoReply(method)) writer.line(`${head} = rpcCallNoReply ${key}`, '');
  else {
    writer.line(`${head} = do`).indent(() => {
      writer.line(
        `result_ <- rpcCall ${Math.round((findTimeoutMs(method) ?? 25_000) * 1000)} ${key}`,
      );
      printTake(writer, method.name, { args: method.outputs, subject: 'result_', finish: tuple });
    });
    writer.line();
  }
}

function printNotify(writer: CodeWriter, document: Document): void {
  const names = namesOf(document);
  for (const owner of interfacesOf(document)) {
    for (const signal of owner.signals) {
      const name = names.member(owner, signal);
      const args = argsOf(signal.args);
      writer.line(...comment(memberDocLines(signal, owner)));
      writer.line(`${name} :: MonadRpc m => String -> ${arrows(signal.args, 'm ()')}`);
      writer.line(
        `${[name, 'objPath_', ...args].join(' ')} = rpcEmit objPath_ ${quoted(owner.name)} ${quoted(signal.name)} ${variants(args)}`,
        '',
      );
    }
  }
}

function printServer(writer: CodeWriter, document: Document, base: string): void {
  const names = namesOf(document);
  const fields: (readonly string[])[] = [];
  for (const owner of interfacesOf(document)) {
    for (const method of owner.methods) {
      const type = arrows(method.inputs, `m ${resultType(method.outputs)}`);
      fields.push([
        ...comment(memberDocLines(method, owner)),
        `${names.member(owner, method)} :: ${type}`,
      ]);
    }
    for (const property of owner.properties) {
      const type = renderType(property.type);
      const docs = comment(memberDocLines(property, owner));
      if (property.access !== 'write')
        fields.push([...docs, `${names.member(owner, property, 'get_')} :: m ${type}`]);
      if (property.access !== 'read')
        fields.push([...docs, `${names.member(owner, property, 'set_')} :: ${type} -> m ()`]);
    }
  }
  writer.line(`data ${base}Server (m :: Kind.Type -> Kind.Type) = ${base}Server`).indent(() => {
    fields.forEach((lines, index) => {
      const [last = '', ...docs] = lines.toReversed();
      writer.line(...docs.toReversed(), `${index === 0 ? '{' : ','} ${last}`);
    });
    if (fields.length > 0) writer.line('}');
  });
  const elements = servedInterfaces(document.xml);
  const served = interfacesOf(document).map((owner, index) => ({ owner, name: `served${index}_` }));
  writer.line('', `interfaces :: MonadRpc m => ${base}Server m -> [RpcInterface m]`);
  writer.line(
    `interfaces server_ = [${served.map(({ name }) => `${name} server_`).join(', ')}]`,
    '',
  );
  for (const { owner, name } of served) {
    writer.line(`${name} :: MonadRpc m => ${base}Server m -> RpcInterface m`);
    writer.line(`${name} server_ = RpcInterface ${quoted(owner.name)}`).indent(() => {
      writer.line(quoted(elements.get(owner.name) ?? ''));
      printList(writer, owner.methods, (method) =>
        printServed(writer, method, names.member(owner, method)),
      );
      printList(writer, owner.properties, (property) => {
        const getter =
          property.access === 'write'
            ? 'Nothing'
            : `(Just (fmap toVariant (${names.member(owner, property, 'get_')} server_)))`;
        const setter =
          property.access === 'read'
            ? 'Nothing'
            : `(Just (\\value_ -> liftIO (expect ${quoted(property.name)} value_) >>= ${names.member(owner, property, 'set_')} server_))`;
        const parts = [property.name, property.signature, emitsChanged(property, owner)].map(
          quoted,
        );
        writer.line(`RpcProperty ${parts.join(' ')} ${getter} ${setter}`);
      });
    });
    writer.line();
  }
}

function printList<T>(writer: CodeWriter, items: readonly T[], print: (item: T) => void): void {
  writer.line('[').indent(() => {
    items.forEach((item, index) => {
      if (index > 0) writer.line(',');
      print(item);
    });
  });
  writer.line(']');
}

function printServed(writer: CodeWriter, method: Method, name: string): void {
  const outs = method.outputs.map((_, index) => `out${index}_`);
  writer.line(
    `RpcMethod ${quoted(method.name)} ${signatureOf(method.inputs)} ${signatureOf(method.outputs)} (\\args_ ->`,
  );
  writer.indent(() => {
    printTake(writer, method.name, {
      args: method.inputs,
      subject: 'args_',
      finish: (plain) =>
        `${[name, 'server_', ...plain].join(' ')} >>= \\(${outs.join(', ')}) -> return ${variants(outs)}`,
    });
    writer.line(')');
  });
}
