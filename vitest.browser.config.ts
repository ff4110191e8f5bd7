import { defineConfig } from 'vitest/config'

// Tests that need a browser: `npm run test:browser`, after `npm run build`. OARLOCK_TEST_REPORT as in vitest.config.ts.
const report = process.env.OARLOCK_TEST_REPORT

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
