/**
 * Runs a script with what V8 compiled of it in an earlier process: reading and compiling the joined command line takes a third of a short run.
 * Node has this of its own since 22.8 (`module.enableCompileCache`), but not in the oldest version that is supported, and it keeps only what the
 * first command happened to compile.
 *
 * The cache is a convenience: whatever is wrong with it (no folder, no space, a file that was damaged or cut, another version of V8), the script is
 * compiled anew. It holds code that is run as it is, so it is read from a folder only that nobody else can write to. Files are written
 * beside their place and renamed, so that processes at the same time never see half of one.
 */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cachedDataVersionTag } from 'node:v8'
import { Script } from 'node:vm'

/** Bytes of the SHA-256 before the data. V8 checks its version and the length of the source, not whether the data are whole. */
const DIGEST = 32

/** Entries of a folder, about 1.5 MB each: the oldest beyond them are removed, left behind by other versions of the package or of Node. */
const MOST_ENTRIES = 32

const PARAMETERS = '(function (exports, require, module, __filename, __dirname) {'

/** Where Node's own cache would be told to be, else in the folder for temporary files, one for each user; undefined: switched off as Node's is. */
export function compileCacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if ((env['NODE_DISABLE_COMPILE_CACHE'] ?? '') !== '') return undefined
  return env['NODE_COMPILE_CACHE'] || join(tmpdir(), `oarlock-compile-cache-${process.getuid?.() ?? 'user'}`)
}

/** A script that has been run. */
export interface CachedRun {
  readonly exports: unknown
  /** Whether what was compiled earlier could be used. */
  readonly cached: boolean
  /** Keeps what is compiled of it by now, where nothing is kept yet. */
  keep(): void
}

/**
 * Runs a CommonJS script of nothing but ASCII characters, with what is kept of it in `folder` (undefined: nothing is) under a name made of
 * `entry`, the script's text and the version of V8.
 */
export function runCached(path: string, folder: string | undefined, entry: string): CachedRun {
  // Four times as fast to read as UTF-8.
  const source = readFileSync(path, 'latin1')
  const file =
    folder === undefined
      ? undefined
      : join(folder, `${entry}-${digest(source).toString('hex', 0, 16)}-${cachedDataVersionTag().toString(16)}`)
  const cachedData = file === undefined ? undefined : readEntry(file)
  const script = new Script(`${PARAMETERS}${source}\n})`, {
    // As modules have it: by it the library tells its own places in stack traces from those of its user.
    filename: pathToFileURL(path).href,
    columnOffset: -PARAMETERS.length,
    ...(cachedData === undefined ? {} : { cachedData }),
  })
  const cached = cachedData !== undefined && script.cachedDataRejected !== true
  const module = { exports: {} as unknown }
  const run = script.runInThisContext() as (...args: unknown[]) => void
  run(module.exports, createRequire(path), module, path, dirname(path))
  return {
    exports: module.exports,
    cached,
    keep: () => {
      if (file !== undefined && !cached) writeEntry(file, script.createCachedData())
    },
  }
}

const digest = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()

/** Undefined where there is none, it is not whole, or others could have written it. */
function readEntry(file: string): Buffer | undefined {
  try {
    if (!isOurs(dirname(file))) return undefined
    const bytes = readFileSync(file)
    const data = bytes.subarray(DIGEST)
    return digest(data).equals(bytes.subarray(0, DIGEST)) ? data : undefined
  } catch {
    return undefined
  }
}

/** A cache that cannot be written is no error of the command that has just ended. */
function writeEntry(file: string, data: Buffer): void {
  const folder = dirname(file)
  const beside = `${file}.${process.pid}.tmp`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!isOurs(folder)) return
    try {
      writeFileSync(beside, Buffer.concat([digest(data), data]), { flag: 'wx', mode: 0o600 })
      renameSync(beside, file)
    } finally {
      rmSync(beside, { force: true })
    }
    removeOldest(folder)
  } catch {}
}

/** A real folder of this user's that no other may write to. Windows has neither owners nor modes here, but folders of the user's own. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder)
  if (!found.isDirectory()) return false
  return process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o022) === 0)
}

/** Names of entries, and of those that a process left half-written. A folder that the user named may hold other files. */
const ENTRY = /^[a-z]+-[0-9a-f]{32}-[0-9a-f]+(\.\d+\.tmp)?$/

function removeOldest(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => ENTRY.test(name))
    .map((name) => join(folder, name))
  if (files.length <= MOST_ENTRIES) return
  const age = new Map(files.map((file) => [file, statSync(file).mtimeMs]))
  const newestFirst = files.sort((a, b) => age.get(b)! - age.get(a)!)
  for (const file of newestFirst.slice(MOST_ENTRIES)) rmSync(file, { force: true })
}
