/** `xenvm config`: what a config file says, and what it could say, without touching a host. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  checkFile,
  configSchema,
  explainKeys,
  renderExplanations,
  renderReport,
} from '../config/index.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';

const USAGE = `usage: xenvm config check [--strict-config] [--json] <config>
       xenvm config explain [--json] [<key>...]
       xenvm config schema
`;

/** Where its texts go. */
export interface ConfigOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Runs the command and gives its exit status: 3 for a file that the monitor would refuse. */
export async function runConfigCommand(
  words: readonly string[],
  { out, err }: ConfigOutput,
): Promise<ExitStatus> {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { 'strict-config': { type: 'boolean' }, json: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [command, ...rest] = positionals;
    const isJson = values.json === true;
    const [file] = rest;
    if (command === 'check' && file !== undefined && rest.length === 1) {
      const strictness = values['strict-config'] === true ? 'strict' : 'normal';
      const report = checkFile(await readFile(file, 'utf8'), strictness);
      out(isJson ? jsonText(report) : renderReport(report, file));
      return report.isAccepted ? EXIT.done : EXIT.config;
    }
    if (command === 'explain') {
      const keys = explainKeys(rest);
      out(isJson ? jsonText(keys) : renderExplanations(keys));
      return EXIT.done;
    }
    if (command === 'schema' && rest.length === 0) {
      out(jsonText(configSchema()));
      return EXIT.done;
    }
    err(USAGE);
  } catch (error) {
    err(`xenvm: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return EXIT.failed;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
