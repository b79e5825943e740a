/** Whether a call of the system failed because there is no such file or process. */
export function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
  );
}
