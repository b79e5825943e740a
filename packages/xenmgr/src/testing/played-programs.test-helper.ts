/** Programs of the host as a test plays them: each run is kept, and answered by the name of the program. */
import { ManagerError } from '../manager/manager-error.ts';
import type { ProgramOptions, RunProgram } from '../manager/programs.ts';

/** One run. */
export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: ProgramOptions;
}

/** What a program writes. */
export type Play = (run: ProgramRun) => string | Promise<string>;

export class PlayedPrograms {
  readonly runs: ProgramRun[] = [];
  readonly #plays = new Map<string, Play>();

  /** Runs a program that is played, and rejects as for one that is not installed otherwise. */
  readonly run: RunProgram = async (program, args, options = {}) => {
    const run = { program, args, options };
    this.runs.push(run);
    const play = this.#plays.get(program);
    if (play !== undefined) return play(run);
    throw new ManagerError('IO', {
      message: `${program} is not installed`,
      context: { program, status: 'ENOENT' },
    });
  };

  /** From now on the program does this. */
  play(program: string, play: Play): void {
    this.#plays.set(program, play);
  }

  /** From now on it is not there. */
  remove(program: string): void {
    this.#plays.delete(program);
  }

  /** The words of each run of a program, as one line each. */
  linesOf(program: string): readonly string[] {
    return this.runs.flatMap((run) => (run.program === program ? [run.args.join(' ')] : []));
  }
}
