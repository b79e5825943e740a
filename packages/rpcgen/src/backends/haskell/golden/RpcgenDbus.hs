{-# LANGUAGE FlexibleContexts, FlexibleInstances, KindSignatures, RankNTypes, ScopedTypeVariables, UndecidableInstances #-}
-- Support for the output of xc-rpcgen --lang haskell; the same for every document.
module Rpc.Autogen.RpcgenDbus where

import Control.Exception (Exception, SomeException, fromException, throwIO, try)
import Control.Monad (forM_, unless, when)
import Control.Monad.IO.Class (MonadIO, liftIO)
import Control.Monad.Trans.Reader (ReaderT (..), ask)
import Data.List (isPrefixOf)
import qualified Data.Map as Map
import DBus hiding (Type (..))
import DBus.Client
import DBus.Internal.Types (IsValue (..), Type (..), Value (..), Variant (..))
import System.Timeout (timeout)

-- | An error reply: thrown by a handler it is sent, received it is thrown at the caller.
data RpcError = RpcError { rpcErrorName :: String, rpcErrorMessage :: String } deriving (Show, Eq)

instance Exception RpcError

-- | A struct with one field; those with more are tuples.
newtype Single a = Single { single :: a } deriving (Show, Eq, Ord)

instance IsValue a => IsVariant (Single a) where
  toVariant = Variant . toValue
  fromVariant (Variant value) = fromValue value

instance IsValue a => IsValue (Single a) where
  typeOf_ _ = TypeStructure [typeOf (undefined :: a)]
  toValue (Single value) = ValueStructure [toValue value]
  fromValue (ValueStructure [value]) = Single <$> fromValue value
  fromValue _ = Nothing

-- | Runs actions outside of their monad, in threads of the connection.
newtype RunRpc m = RunRpc (forall a. m a -> IO a)

-- | Monads with a connection to a bus.
class MonadIO m => MonadRpc m where
  rpcClient :: m Client
  rpcRunner :: m (RunRpc m)

-- | The plain one.
type Rpc = ReaderT Client IO

instance MonadRpc (ReaderT Client IO) where
  rpcClient = ask
  rpcRunner = ReaderT (\client -> return (RunRpc (\action -> runReaderT action client)))

-- | A method as it is served: name, signatures of inputs and outputs, handler.
data RpcMethod m = RpcMethod String String String ([Variant] -> m [Variant])

-- | A property as it is served: name, type, what changes announce, getter, setter.
data RpcProperty m = RpcProperty String String String (Maybe (m Variant)) (Maybe (Variant -> m ()))

-- | An interface as it is served, with its element of the original document.
data RpcInterface m = RpcInterface
  { rpcInterfaceName :: String
  , rpcInterfaceXml :: String
  , rpcMethods :: [RpcMethod m]
  , rpcProperties :: [RpcProperty m]
  }

failWith :: String -> String -> IO a
failWith name text = throwIO (RpcError ("org.freedesktop.DBus.Error." ++ name) text)

-- | Gives a received value, which must be of the declared type.
expect :: IsVariant a => String -> Variant -> IO a
expect what value = maybe (failWith "InvalidArgs" (what ++ " is of another type")) return (fromVariant value)

-- | What is wrong with a reply that has not the declared number of values.
wrongReply :: String -> IO a
wrongReply what = failWith "InconsistentMessage" ("The reply of " ++ what ++ " is not as declared")

-- | Calls a method; the time-out is in microseconds.
rpcCall :: MonadRpc m => Int -> String -> String -> String -> String -> [Variant] -> m [Variant]
rpcCall limit service path interface member args = rpcClient >>= \client -> liftIO (do
  message <- rpcMessage service path interface member args
  result <- timeout limit (call client message)
  case result of
    Nothing -> failWith "NoReply" (member ++ " did not answer in time")
    Just (Left problem) -> throwIO (RpcError (formatErrorName (methodErrorName problem)) (errorText problem))
    Just (Right reply) -> return (methodReturnBody reply))

-- The library puts words of its own in place of an empty text.
errorText :: MethodError -> String
errorText problem = case methodErrorBody problem of
  text : _ | Just plain <- fromVariant text -> plain
  _ -> ""

-- | Calls a method that sends no reply.
rpcCallNoReply :: MonadRpc m => String -> String -> String -> String -> [Variant] -> m ()
rpcCallNoReply service path interface member args = rpcClient >>= \client ->
  liftIO (rpcMessage service path interface member args >>= callNoReply client)

rpcMessage :: String -> String -> String -> String -> [Variant] -> IO MethodCall
rpcMessage service path interface member args = do
  object <- either (failWith "InvalidArgs" . show) return (parsed path)
  return (methodCall object (interfaceName_ interface) (memberName_ member))
    { methodCallDestination = Just (busName_ service), methodCallBody = args }
  where parsed = maybe (Left path) Right . parseObjectPath

properties :: String
properties = "org.freedesktop.DBus.Properties"

-- | Reads a property.
rpcGet :: (MonadRpc m, IsVariant a) => String -> String -> String -> String -> m a
rpcGet service path interface name = do
  values <- rpcCall 25000000 service path properties "Get" [toVariant interface, toVariant name]
  liftIO (case values of
    [value] -> expect name value >>= expect name
    _ -> wrongReply name)

-- | Writes a property.
rpcSet :: (MonadRpc m, IsVariant a) => String -> String -> String -> String -> a -> m ()
rpcSet service path interface name value = do
  _ <- rpcCall 25000000 service path properties "Set" [toVariant interface, toVariant name, toVariant (toVariant value)]
  return ()

-- | Emits a signal.
rpcEmit :: MonadRpc m => String -> String -> String -> [Variant] -> m ()
rpcEmit path interface member args = rpcClient >>= \client -> liftIO (emit client
  (signal (objectPath_ path) (interfaceName_ interface) (memberName_ member)) { signalBody = args })

-- | Calls back with the arguments of every signal of the owner of a name. The library keeps no order among them.
rpcOn :: MonadRpc m => String -> String -> String -> String -> ([Variant] -> m ()) -> m SignalHandler
rpcOn service path interface member handler = do
  client <- rpcClient
  RunRpc run <- rpcRunner
  let rule = matchAny { matchPath = Just (objectPath_ path), matchInterface = Just (interfaceName_ interface)
                      , matchMember = Just (memberName_ member) }
  liftIO (addMatch client rule (\heard -> do
    owner <- nameOwner client service
    when (fmap formatBusName (signalSender heard) == Just owner) (run (handler (signalBody heard)))))

-- | Calls back with what PropertiesChanged tells of an interface: new values, and names of properties to ask for.
rpcOnChanged :: MonadRpc m => String -> String -> String -> (Map.Map String Variant -> [String] -> m ())
             -> m SignalHandler
rpcOnChanged service path interface handler = rpcOn service path properties "PropertiesChanged" (\args -> case args of
  [owner, changed, invalidated] -> do
    of_ <- liftIO (expect "interface" owner)
    values <- liftIO (expect "changes" changed)
    names <- liftIO (expect "names" invalidated)
    when (of_ == interface) (handler values names)
  _ -> return ())

nameOwner :: Client -> String -> IO String
nameOwner _ name | ":" `isPrefixOf` name = return name
nameOwner client name = do
  message <- rpcMessage "org.freedesktop.DBus" "/org/freedesktop/DBus" "org.freedesktop.DBus" "GetNameOwner" [toVariant name]
  reply <- call client message
  return (case fmap methodReturnBody reply of
    Right [owner] | Just text <- fromVariant owner -> text
    _ -> "")

-- | Serves interfaces at a path, with Properties and the original introspection.
rpcExpose :: MonadRpc m => String -> [RpcInterface m] -> m ()
rpcExpose path served = do
  client <- rpcClient
  RunRpc run <- rpcRunner
  let standard = [propertiesOf path served, introspectableOf served]
  liftIO (forM_ (served ++ standard) (\one -> export client (objectPath_ path) Interface
    { interfaceName = interfaceName_ (rpcInterfaceName one)
    , interfaceMethods = map (exported run) (rpcMethods one)
    , interfaceProperties = []
    , interfaceSignals = []
    }))

-- | Ends that.
rpcHide :: MonadRpc m => String -> m ()
rpcHide path = rpcClient >>= \client -> liftIO (unexport client (objectPath_ path))

exported :: (m [Variant] -> IO [Variant]) -> RpcMethod m -> Method
exported run (RpcMethod name input output handler) = Method
  { methodName = memberName_ name
  , inSignature = checkedSignature input
  , outSignature = checkedSignature output
  , methodHandler = \message -> liftIO (fmap answered (try (run (handler (methodCallBody message)))))
  }
  where checkedSignature = maybe (signature_ []) id . parseSignature

answered :: Either SomeException [Variant] -> Reply
answered (Right values) = ReplyReturn values
answered (Left problem) = case fromException problem of
  Just (RpcError name text) -> ReplyError (errorName_ name) [toVariant text]
  Nothing -> ReplyError (errorName_ "org.freedesktop.DBus.Error.Failed") [toVariant (show problem)]

readAll :: MonadRpc m => RpcInterface m -> m (Map.Map String Variant)
readAll one = fmap Map.fromList (sequence
  [ fmap (\value -> (name, value)) getter | RpcProperty name _ _ (Just getter) _ <- rpcProperties one ])

-- | Tells that properties have changed, as their annotations say. Set does it by itself.
rpcChanged :: MonadRpc m => String -> RpcInterface m -> [String] -> m ()
rpcChanged path one names = do
  let told how = [ (name, getter) | RpcProperty name _ emits (Just getter) _ <- rpcProperties one, emits == how
                                  , name `elem` names ]
  changed <- fmap Map.fromList (sequence [ fmap (\value -> (name, value)) getter | (name, getter) <- told "true" ])
  let invalidated = map fst (told "invalidates")
  unless (Map.null changed && null invalidated)
    (rpcEmit path properties "PropertiesChanged"
      [toVariant (rpcInterfaceName one), toVariant (changed :: Map.Map String Variant), toVariant invalidated])

propertiesOf :: MonadRpc m => String -> [RpcInterface m] -> RpcInterface m
propertiesOf path served = RpcInterface properties propertiesXml
  [ RpcMethod "Get" "ss" "v" (\args -> do
      (_, RpcProperty name _ _ getter _) <- find args
      value <- maybe (liftIO (failWith "AccessDenied" (name ++ " can only be written"))) id getter
      return [toVariant value])
  , RpcMethod "GetAll" "s" "a{sv}" (\args -> do
      owner <- liftIO (expect "interface" (head args))
      values <- mapM readAll [ one | one <- served, owner `elem` ["", rpcInterfaceName one] ]
      return [toVariant (Map.unions values)])
  , RpcMethod "Set" "ssv" "" (\args -> do
      (one, RpcProperty name wanted _ _ setter) <- find args
      set <- maybe (liftIO (failWith "PropertyReadOnly" (name ++ " can only be read"))) return setter
      value <- liftIO (expect name (args !! 2))
      unless (formatSignature (signature_ [variantType value]) == wanted)
        (liftIO (failWith "InvalidArgs" (name ++ " is of type " ++ wanted)))
      set value
      rpcChanged path one [name]
      return [])
  ] []
  where
    find args = liftIO (do
      owner <- expect "interface" (head args)
      name <- expect "property" (args !! 1)
      case [ (one, about) | one <- served, owner `elem` ["", rpcInterfaceName one]
                          , about@(RpcProperty known _ _ _ _) <- rpcProperties one, known == name ] of
        found : _ -> return found
        [] -> failWith "UnknownProperty" ("There is no property " ++ name))

introspectableOf :: MonadRpc m => [RpcInterface m] -> RpcInterface m
introspectableOf served = RpcInterface "org.freedesktop.DBus.Introspectable" introspectableXml
  [ RpcMethod "Introspect" "" "s" (\_ -> return [toVariant document]) ] []
  where document = unlines ([ "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\""
                            , " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">", "<node>" ]
                            ++ map rpcInterfaceXml served ++ [propertiesXml, introspectableXml, "</node>"])

propertiesXml :: String
propertiesXml = unlines
  [ "<interface name=\"org.freedesktop.DBus.Properties\">"
  , "<method name=\"Get\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  , "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"out\"/></method>"
  , "<method name=\"GetAll\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  , "<arg name=\"props\" type=\"a{sv}\" direction=\"out\"/></method>"
  , "<method name=\"Set\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  , "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"in\"/></method>"
  , "<signal name=\"PropertiesChanged\"><arg name=\"interface_name\" type=\"s\"/>"
  , "<arg name=\"changed_properties\" type=\"a{sv}\"/><arg name=\"invalidated_properties\" type=\"as\"/></signal>"
  , "</interface>"
  ]

introspectableXml :: String
introspectableXml = "<interface name=\"org.freedesktop.DBus.Introspectable\"><method name=\"Introspect\">"
  ++ "<arg name=\"xml_data\" type=\"s\" direction=\"out\"/></method></interface>"
