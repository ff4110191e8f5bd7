import { defineConfig } from 'vitest/config'

// With OARLOCK_TEST_REPORT set, Vitest also writes its JSON report to that path; `.ci/run` counts from it.
const report = process.env.OARLOCK_TEST_REPORT

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
