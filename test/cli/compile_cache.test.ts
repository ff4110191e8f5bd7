/** A cache must never change what a script does: whatever lies in its folder, the script runs, and at worst it is compiled anew. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CachedRun, compileCacheFolder, runCached } from '../../src/cli/compile_cache.ts'
import { Workspace } from './workspace.ts'

const work = new Workspace()
let scripts = 0

/** A script of its own, so that no other test's entry fits it. */
function script(
  text = 'module.exports = { name: __filename, twice: (x) => 2 * x, where: () => new Error("here").stack }',
): string {
  return work.path(work.write(`script${scripts++}.cjs`, `// ${scripts}\n${text}`))
}

function twice(run: CachedRun): number {
  return (run.exports as { twice: (x: number) => number }).twice(21)
}

/** Runs and keeps. @returns the entry's file. */
function kept(path: string, folder: string, entry = 'run'): string {
  const run = runCached(path, folder, entry)
  expect([run.cached, twice(run)]).toEqual([false, 42])
  run.keep()
  const [name] = readdirSync(folder).filter((file) => file.startsWith(`${entry}-`))
  return join(folder, name!)
}

describe('the compile cache', () => {
  it('is used by the second run, which does the same', () => {
    const [path, folder] = [script(), work.path('used/deep')]
    kept(path, folder)
    const run = runCached(path, folder, 'run')
    expect([run.cached, twice(run)]).toEqual([true, 42])
    expect((run.exports as { name: string }).name).toBe(path)
  })

  it('keeps the places of stack traces, from the cache and without it', () => {
    const [path, folder] = [script(), work.path('places')]
    const place = (run: CachedRun): string =>
      /script\d+\.cjs:\d+:\d+/.exec((run.exports as { where: () => string }).where())![0]
    const column = 1 + readFileSync(path, 'utf8').split('\n')[1]!.indexOf('new Error')
    const expected = `${basename(path)}:2:${column}`
    expect(place(runCached(path, folder, 'run'))).toBe(expected)
    kept(path, folder)
    expect(place(runCached(path, folder, 'run'))).toBe(expected)
    const firstLine = work.path(
      work.write('first_line.cjs', 'module.exports = { where: () => new Error("here").stack }'),
    )
    expect((runCached(firstLine, folder, 'run').exports as { where: () => string }).where()).toContain(
      'first_line.cjs:1:33',
    )
  })

  it('is not used after a byte was changed, whichever, or the end is missing', () => {
    const [path, folder] = [script(), work.path('damaged')]
    const file = kept(path, folder)
    const whole = readFileSync(file)
    for (const at of [0, 31, 32, 40, 60, whole.length >> 1, whole.length - 1]) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 1
      writeFileSync(file, damaged)
      const run = runCached(path, folder, 'run')
      expect([run.cached, twice(run)]).toEqual([false, 42])
    }
    for (const length of [0, 10, 32, whole.length - 1]) {
      writeFileSync(file, whole.subarray(0, length))
      expect(runCached(path, folder, 'run').cached).toBe(false)
    }
    runCached(path, folder, 'run').keep()
    expect(runCached(path, folder, 'run').cached).toBe(true)
  })

  it('is not used for another text of the same length', () => {
    const [path, folder] = [script(), work.path('edited')]
    kept(path, folder)
    writeFileSync(path, readFileSync(path, 'utf8').replace('2 * x', '3 * x'))
    const run = runCached(path, folder, 'run')
    expect([run.cached, twice(run)]).toEqual([false, 63])
  })

  it.skipIf(process.platform === 'win32')('is not read where others may write, nor through a link', () => {
    const [path, folder] = [script(), work.path('shared')]
    kept(path, folder)
    symlinkSync(folder, work.path('link'))
    expect(runCached(path, work.path('link'), 'run').cached).toBe(false)
    for (const mode of [0o777, 0o770, 0o702]) {
      chmodSync(folder, mode)
      expect(runCached(path, folder, 'run').cached).toBe(false)
    }
    chmodSync(folder, 0o755)
    expect(runCached(path, folder, 'run').cached).toBe(true)
  })

  it('is not written where others may write, nor where no folder can be; neither is an error', () => {
    const path = script()
    const shared = work.path('open')
    mkdirSync(shared)
    chmodSync(shared, 0o777)
    if (process.platform !== 'win32') {
      runCached(path, shared, 'run').keep()
      expect(readdirSync(shared)).toEqual([])
    }
    const file = work.path(work.write('a_file', 'text'))
    for (const folder of [file, join(file, 'below'), undefined]) {
      const run = runCached(path, folder, 'run')
      run.keep()
      expect([run.cached, twice(run)]).toEqual([false, 42])
    }
  })

  it('makes a folder for its user alone, and leaves nothing half-written', () => {
    const [path, folder] = [script(), work.path('private')]
    kept(path, folder)
    if (process.platform !== 'win32') expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('removes the oldest entries beyond 32, and nothing else', () => {
    const [path, folder] = [script(), work.path('many')]
    const old = (i: number): string => `run-${i.toString(16).padStart(32, '0')}-1f`
    for (let i = 0; i < 40; i++) {
      work.write(`many/${old(i)}`, 'old')
      utimesSync(join(folder, old(i)), 1e9 + i, 1e9 + i)
    }
    work.write('many/notes.txt', 'of the user')
    utimesSync(join(folder, 'notes.txt'), 1e8, 1e8)
    chmodSync(folder, 0o700)
    kept(path, folder)
    const left = readdirSync(folder)
    expect(left.length).toBe(33)
    expect(left).toContain('notes.txt')
    expect(left).toContain(old(39))
    expect(left).not.toContain(old(8))
    expect(runCached(path, folder, 'run').cached).toBe(true)
  })

  it("goes where Node's would be told to go, and is switched off as Node's is", () => {
    expect(compileCacheFolder({ NODE_COMPILE_CACHE: '/somewhere' })).toBe('/somewhere')
    expect(compileCacheFolder({ NODE_COMPILE_CACHE: '/somewhere', NODE_DISABLE_COMPILE_CACHE: '1' })).toBeUndefined()
    expect(compileCacheFolder({})).toMatch(/oarlock-compile-cache-\w+$/)
  })
})
