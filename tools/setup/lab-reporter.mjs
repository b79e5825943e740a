// Tells of each test of the lab when it ends: a file of them takes minutes, and jest itself speaks at its end.
export default class LabReporter {
  onTestCaseResult(_test, { status, fullName, duration, failureMessages }) {
    const seconds = duration === undefined ? '' : ` (${Math.round((duration ?? 0) / 1000)} s)`;
    if (status === 'passed') process.stderr.write(`  ✓ ${fullName}${seconds}\n`);
    if (status === 'failed') {
      process.stderr.write(`  ✕ ${fullName}${seconds}\n${failureMessages.join('\n')}\n`);
    }
  }
}
