/** Prints a Haskell program that serves a document by asking another server for everything, for the relay tests. */
import { CodeWriter } from '../../emit/writer.ts';
import type { Document } from '../../model/model.ts';
import { interfacesOf } from '../../model/walk.ts';
import { namesOf } from './print.ts';

const HEAD = `{-# LANGUAGE RankNTypes #-}
module Main where

import Control.Concurrent (threadDelay)
import Control.Monad (forever)
import Control.Monad.IO.Class (liftIO)
import Control.Monad.Trans.Reader (runReaderT)
import qualified Data.Map as Map
import DBus
import DBus.Client
import System.Environment (getArgs)
import System.IO (hFlush, stdout)
import RpcgenDbus
import qualified TortureClient as C
import qualified TortureServer as S
import qualified TortureNotify as N

main :: IO ()
main = do
  [address, source, name] <- getArgs
  Just parsed <- return (parseAddress address)
  asking <- connect parsed
  serving <- connect parsed
  let via :: forall a. Rpc a -> Rpc a
      via action = liftIO (runReaderT action asking)
      out :: forall a. Rpc a -> Rpc a
      out action = liftIO (runReaderT action serving)`;

/** Gives the program. */
export function printRelay(document: Document, path: string): string {
  const writer = new CodeWriter();
  const names = namesOf(document);
  const at = JSON.stringify(path);
  const fields: string[] = [];
  const hears: string[] = [];
  const pass = (name: string, count: number): void => {
    const args = Array.from({ length: count }, (_, index) => ` a${index}`).join('');
    fields.push(
      `S.${name} = ${args === '' ? '' : `\\${args} -> `}via (C.${name} source ${at}${args})`,
    );
  };
  for (const owner of interfacesOf(document)) {
    for (const method of owner.methods) pass(names.member(owner, method), method.inputs.length);
    for (const property of owner.properties) {
      if (property.access !== 'write') pass(names.member(owner, property, 'get_'), 0);
      if (property.access !== 'read') pass(names.member(owner, property, 'set_'), 1);
    }
    for (const signal of owner.signals) {
      const args = signal.args.map((_, index) => ` a${index}`).join('');
      const handler = `${args === '' ? '' : `\\${args} -> `}out (N.${names.member(owner, signal)} ${at}${args})`;
      hears.push(`_ <- via (C.${names.member(owner, signal, 'on_')} source ${at} (${handler}))`);
    }
  }
  writer.line(HEAD).indent(() => {
    writer.indent(() => {
      writer.line('  server = S.TortureServer');
      fields.forEach((field, index) => writer.line(`    ${index === 0 ? '{' : ','} ${field}`));
      writer.line('    }', '  served = S.interfaces server');
      writer.line(
        '  annotated = head [ one | one <- served, rpcInterfaceName one == "org.example.Torture.Annotated" ]',
      );
    });
    writer
      .line(`runReaderT (rpcExpose ${at} served) serving`, 'flip runReaderT serving $ do')
      .indent(() => {
        writer.line(...hears);
        const told = `out (rpcChanged ${at} annotated (Map.keys changed ++ gone))`;
        writer.line(
          `_ <- via (rpcOnChanged source ${at} (rpcInterfaceName annotated) (\\changed gone -> ${told}))`,
        );
        writer.line('return ()');
      });
    writer.line('_ <- requestName serving (busName_ name) []', 'putStrLn "ready"', 'hFlush stdout');
    writer.line('forever (threadDelay 1000000000)');
  });
  return writer.text;
}
