/** What a daemon needs of its process: log, readiness, pid file, life in the background. `@xenops/core/daemon`. */
export { findGroup } from './group.ts';
export { launchDaemon } from './launcher.ts';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel, type LogOptions } from './log.ts';
export { openLogSink, type LogSink, type LogSinkOptions } from './log-sink.ts';
export { writePidFile } from './pid-file.ts';
export { BACKGROUND_VARIABLE, READY_MESSAGE, tellReady, tellStopping } from './readiness.ts';
