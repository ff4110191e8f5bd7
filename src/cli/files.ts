/**
 * Reading and writing of files: bounded reads of whatever a path turns out to be, and writes that leave either the old file or the whole
 * new one behind. All faults are typed.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import {
  AlreadyExistsError,
  EnforceError,
  InvalidArgumentError,
  makeError,
  NotFoundError,
  ResourceExhaustedError,
} from '../errors.ts'
import type { Io } from './io.ts'

/** The path that a relative one means. `-` stays. */
export const pathOf = (io: Io, path: string): string => (path === '-' ? path : resolve(io.cwd, path))

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Names in a folder; none if it cannot be read. */
export function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

export const exists = (path: string): boolean => existsSync(path)

/**
 * The bytes of a file, of standard input for `-`. Pipes and devices are read as far as the limit.
 * @throws NotFoundError E520, InvalidArgumentError E521 if it cannot be read, ResourceExhaustedError E601 beyond `limit` bytes.
 */
export async function readInput(io: Io, path: string, limit: number): Promise<Uint8Array> {
  if (path !== '-') return readFile(io, path, limit)
  const bytes = await io.readStdin(limit)
  if (bytes.length > limit) throw tooLarge('-', limit)
  return bytes
}

/** As {@link readInput}, of a path. */
export function readFile(io: Io, path: string, limit: number): Uint8Array {
  let handle: number | undefined
  try {
    handle = openSync(pathOf(io, path), 'r')
    const stat = fstatSync(handle)
    if (stat.isDirectory()) {
      throw new InvalidArgumentError('E521', `"${path}" is a folder, not a file`, { where: { file: path } })
    }
    if (stat.isFile() && stat.size > limit) throw tooLarge(path, limit)
    return readAll(handle, path, stat.isFile() ? stat.size : 0, limit)
  } catch (error) {
    throw readFault(error, path)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function readAll(handle: number, path: string, size: number, limit: number): Uint8Array {
  // One byte more than expected shows the end without a second allocation.
  let bytes = new Uint8Array(Math.max(size + 1, 65_536))
  let length = 0
  for (;;) {
    const got = readSync(handle, bytes, length, bytes.length - length, null)
    if (got === 0) return bytes.subarray(0, length)
    length += got
    if (length > limit) throw tooLarge(path, limit)
    if (length === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
  }
}

const tooLarge = (path: string, limit: number): ResourceExhaustedError =>
  new ResourceExhaustedError('E601', `"${path}" is larger than the limit of ${limit} bytes`, {
    where: { file: path },
    expected: `at most ${limit} bytes`,
  })

function readFault(error: unknown, path: string): unknown {
  if (error instanceof EnforceError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new NotFoundError('E520', `there is no file "${path}"`, { where: { file: path }, cause: error })
  }
  if (code === undefined) return error
  return new InvalidArgumentError('E521', `"${path}" cannot be read: ${reason(error)}`, {
    where: { file: path },
    got: code,
    cause: error,
  })
}

/** Node's message without the call and the path. */
const reason = (error: unknown): string => (error as Error).message.replace(/^[A-Z0-9]+: /, '').replace(/, .*$/, '')

/** @throws AlreadyExistsError E706 if something is there and may not be replaced; asked before work begins. */
export function refuseExisting(io: Io, path: string, force: boolean): void {
  if (path === '-' || force || !existsSync(pathOf(io, path))) return
  throw new AlreadyExistsError('E706', `"${path}" exists`, {
    where: { file: path },
    hint: 'add -f to replace it',
  })
}

/**
 * Writes a file whole or not at all: into a new file beside it, which then takes its place. Through a link its target is replaced.
 * @param pieces the content; none of them need fit into one text together with the others.
 * @throws AlreadyExistsError E706, InvalidArgumentError E522 if it cannot be written.
 */
export function writeOutput(io: Io, path: string, pieces: Iterable<string | Uint8Array>, force: boolean): void {
  if (path === '-') {
    for (const piece of pieces) io.stdout.write(piece)
    return
  }
  refuseExisting(io, path, force)
  let temporary: string | undefined
  let handle: number | undefined
  try {
    const given = pathOf(io, path)
    const target = existsSync(given) ? realpathSync(given) : given
    const old = existsSync(target) ? statSync(target) : undefined
    if (old !== undefined && !old.isFile()) {
      // A device or a pipe cannot be replaced, only written to.
      if (old.isDirectory()) throw new InvalidArgumentError('E522', `"${path}" is a folder`, { where: { file: path } })
      handle = openSync(target, 'w')
      for (const piece of pieces) writeAll(handle, piece)
      return
    }
    temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`)
    handle = openSync(temporary, 'wx')
    for (const piece of pieces) writeAll(handle, piece)
    if (old !== undefined) fchmodSync(handle, old.mode & 0o777)
    fsyncSync(handle)
    closeSync(handle)
    handle = undefined
    renameSync(temporary, target)
    temporary = undefined
  } catch (error) {
    throw writeFault(error, path)
  } finally {
    if (handle !== undefined) closeSync(handle)
    if (temporary !== undefined) rmSync(temporary, { force: true })
  }
}

function writeAll(handle: number, piece: string | Uint8Array): void {
  const bytes = typeof piece === 'string' ? new TextEncoder().encode(piece) : piece
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at)
}

/** Makes a folder, with those above it. @throws InvalidArgumentError E522. */
export function makeFolder(io: Io, path: string): void {
  try {
    mkdirSync(pathOf(io, path), { recursive: true })
  } catch (error) {
    throw writeFault(error, path)
  }
}

function writeFault(error: unknown, path: string): unknown {
  if (error instanceof EnforceError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === undefined) return error
  const missing = code === 'ENOENT' || code === 'ENOTDIR'
  return makeError(
    missing ? 'NotFound' : code === 'ENOSPC' ? 'ResourceExhausted' : 'InvalidArgument',
    'E522',
    missing
      ? `"${path}" cannot be written: there is no folder "${dirname(path)}"`
      : `"${path}" cannot be written: ${reason(error)}`,
    { where: { file: path }, got: code, cause: error },
  )
}
