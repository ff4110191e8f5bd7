/**
 * Prints the last line of `.ci/run`, `N passed, N failed` and `, N skipped` if there are any, counted from the JSON
 * report of Vitest whose path is the first argument. Exit code 1 if anything failed or there is no report.
 *
 * A test file that fails outside its tests (it cannot be loaded, or a hook fails) counts as one failure.
 */
import { existsSync, readFileSync } from 'node:fs'

const path = process.argv[2]
if (path === undefined || !existsSync(path)) {
  console.log('the tests did not run: there is no report of Vitest')
  process.exit(1)
}

const report = JSON.parse(readFileSync(path, 'utf8'))
const failedOutsideTests = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
const failed = report.numFailedTests + failedOutsideTests
const skipped = report.numPendingTests + report.numTodoTests
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0
