/** How a back-end misbehaves: it hangs before it answers, refuses, or goes away in the middle. */
export const BACKEND_TEMPERS = ['hang-init', 'hang-connect', 'hang-close', 'fail-connect'] as const;

export interface BackendTemper {
  /** Time before each of its steps; none unless said. */
  readonly delayMs?: number;
  /**
   * `hang-init` never reaches InitWait, `hang-connect` never Connected, `hang-close` never Closed; `fail-connect` closes instead of
   * connecting, and writes `error` to its error node.
   */
  readonly failure?: (typeof BACKEND_TEMPERS)[number];
  readonly error?: string;
}
