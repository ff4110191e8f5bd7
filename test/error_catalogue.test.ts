import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_CATALOGUE, exitCodeOf, findErrorEntry } from '../src/error_catalogue.ts'
import { InvalidArgumentError } from '../src/errors.ts'
import { errorsDocFiles } from '../tools/make_errors_doc.ts'

const src = fileURLToPath(new URL('../src/', import.meta.url))

/** Codes that src uses, each with a file that does; the catalogue itself does not count. */
function usedCodes(): Map<string, string> {
  const used = new Map<string, string>()
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file === 'error_catalogue.ts') continue
    for (const [, code] of readFileSync(join(src, file), 'utf8').matchAll(/['"`]([EW]\d{3})['"`]/g))
      used.set(code!, file)
  }
  return used
}

describe('the catalogue', () => {
  const used = usedCodes()

  it('has every code that src uses', () => {
    const missing = [...used]
      .filter(([code]) => findErrorEntry(code) === undefined)
      .map(([code, file]) => `${code} in ${file}`)
    expect(missing).toEqual([])
  })

  it('has no code that src does not use, unless it is reserved', () => {
    const idle = ERROR_CATALOGUE.filter(({ code, reserved }) => reserved !== true && !used.has(code)).map(
      ({ code }) => code,
    )
    expect(idle).toEqual([])
  })

  it('has each code once, in order', () => {
    const codes = ERROR_CATALOGUE.map(({ code }) => code)
    expect(codes).toEqual([...new Set(codes)].sort((a, b) => (a[0] === b[0] ? a.localeCompare(b) : a < b ? -1 : 1)))
  })

  it.each(ERROR_CATALOGUE)('$code says everything', (entry) => {
    const { title, explanation, cause, example, remedy, exit } = entry
    for (const text of [title, explanation, cause, example, remedy]) expect(text.trim().length).toBeGreaterThan(0)
    expect(title).not.toMatch(/\.$/)
    for (const text of [explanation, cause, remedy]) expect(text).toMatch(/\.$/)
    expect([0, 2, 3, 4, 5, 6, 70, 130]).toContain(exit)
  })

  it('gives exit codes by range for codes of others, and 3 for a fault in a file', () => {
    expect(exitCodeOf(new InvalidArgumentError('E110', 'x'))).toBe(4)
    expect(exitCodeOf(new InvalidArgumentError('E201', 'x', { where: { pointer: '/blocks/0' } }))).toBe(3)
    expect(exitCodeOf(new InvalidArgumentError('E499', 'x'))).toBe(5)
    expect(exitCodeOf(new InvalidArgumentError('MINE', 'x'))).toBe(4)
  })

  it('is in docs/errors.md, every code with its anchor', () => {
    const text = errorsDocFiles()['docs/errors.md']!
    for (const { code } of ERROR_CATALOGUE) {
      expect(text).toContain(`[${code}](#${code.toLowerCase()})`)
      expect(text).toContain(`\n### ${code}\n`)
    }
  })
})
