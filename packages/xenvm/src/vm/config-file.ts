/** The file of a configuration. */
import { readFile } from 'node:fs/promises';
import { ConfigError } from '@xenops/core/errors';
import { parseConfig, refusing, renderProblem, type VmConfig } from '../config/index.ts';

export interface ReadConfigOptions {
  readonly isStrict: boolean;
  /** Takes each problem that does not refuse the file. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Reads a file. Rejects with CONFIG_BAD_VALUE, which names every problem, when it cannot be taken. */
export async function readConfigFile(
  path: string,
  { isStrict, onWarning = () => undefined }: ReadConfigOptions,
): Promise<VmConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The configuration ${path} cannot be read`,
      context: { path },
      cause,
    });
  });
  const { config, problems } = parseConfig(text);
  const fatal = refusing(problems, isStrict ? 'strict' : 'normal');
  const tell = fatal.length === 0 ? problems : fatal;
  const told = tell.map((problem) => renderProblem(problem, path));
  if (fatal.length > 0) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: told.join('\n'),
      context: { path, problems: fatal.length },
    });
  }
  told.forEach(onWarning);
  return config;
}
