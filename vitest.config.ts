import { defineConfig } from 'vitest/config'

// With OARLOCK_TEST_REPORT set, Vitest also writes its JSON report to that path; `.ci/run` counts from it.
const report = process.env.OARLOCK_TEST_REPORT

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need a browser and the built package: vitest.browser.config.ts.
    exclude: ['test/browser/**'],
    // Long enough for a busy machine; what hangs or grows with the square of its input ends here.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
