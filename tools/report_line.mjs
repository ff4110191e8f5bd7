/**
 * Prints the last line of `.ci/run`, `N passed, N failed` and `, N skipped` if there are any, counted from the JSON
 * reports of Vitest whose paths are the arguments. Exit code 1 if anything failed or a report is missing.
 *
 * A test file that fails outside its tests (it cannot be loaded, or a hook fails) counts as one failure.
 */
import { existsSync, readFileSync } from 'node:fs'

let passed = 0
let failed = 0
let skipped = 0
for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    console.log(`tests did not run: there is no report ${path}`)
    failed++
    continue
  }
  const report = JSON.parse(readFileSync(path, 'utf8'))
  const failedOutsideTests = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  passed += report.numPassedTests
  failed += report.numFailedTests + failedOutsideTests
  skipped += report.numPendingTests + report.numTodoTests
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
