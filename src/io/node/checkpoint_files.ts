/**
 * Checkpoints as folders, written so that a kill at any moment leaves the one before or the new one whole: into a temporary folder, every file
 * and the folder synced, then renamed, the parent synced, and only then older ones removed. Numbers rise with each save, so the highest number
 * is the newest, whatever its step.
 */
import { EnforceError, NotFoundError, withPlace } from '../../errors.ts'
import {
  cannotWrite,
  programText,
  type RestoreOptions,
  restoreSnapshot,
  type Training,
  takeSnapshot,
} from '../checkpoint.ts'
import {
  damaged,
  MANIFEST,
  packCheckpoint,
  readManifest,
  STATE,
  unpackCheckpoint,
  VALUES,
} from '../checkpoint_format.ts'
import { type FileSystem, fileSystem, onFile, sha256 } from './file_system.ts'

export interface SaveCheckpointOptions extends Training {
  /** Steps done so far. */
  readonly step: number
  /** How many checkpoints stay. Default 2: the newest, and the one before should that be damaged. */
  readonly keep?: number
  /** Whatever else the training needs to go on: plain JSON. */
  readonly data?: unknown
}

export interface LoadCheckpointOptions extends Training, RestoreOptions {}

export interface LoadedCheckpoint {
  /** The folder of the checkpoint. */
  readonly path: string
  readonly step: number
  readonly data: unknown
  /** Newer checkpoints that were passed over because they are damaged. */
  readonly damaged: readonly EnforceError[]
}

const FINISHED = /^ckpt-(\d{8,15})-step-(\d+)$/
const TEMPORARY = /^\.ckpt-\d+-step-\d+\.tmp-(\d+)-[0-9a-f]{8}$/

/**
 * Writes a checkpoint into the folder `dir`, which is made if need be, and removes the oldest beyond `keep`.
 * @returns the folder of the checkpoint. Once this returns, the checkpoint survives the loss of power.
 * @throws InvalidArgumentError E555 for what cannot be stored, E522 if it cannot be written; what was there before stays.
 */
export function saveCheckpoint(dir: string, options: SaveCheckpointOptions): string {
  const fs = fileSystem('saveCheckpoint', 'Scope.get and writeNamedValues')
  const { keep = 2, step } = options
  if (!Number.isSafeInteger(keep) || keep < 1) throw cannotWrite('keep', 'a whole number of 1 or more', keep)
  const files = packCheckpoint(takeSnapshot(options, step, options.data), sha256(programText(options.program)), sha256)
  onFile(dir, 'E522', () => makeFolder(fs, dir))
  removeLeftovers(fs, dir)
  for (let number = (finished(fs, dir)[0]?.number ?? 0) + 1; ; number++) {
    const name = `ckpt-${String(number).padStart(8, '0')}-step-${step}`
    const path = `${dir}/${name}`
    const temporary = `${dir}/.${name}.tmp-${process.pid}-${crypto.randomUUID().slice(0, 8)}`
    try {
      onFile(temporary, 'E522', () => fs.mkdirSync(temporary, { mode: 0o700 }))
      for (const [file, bytes] of files) onFile(path, 'E522', () => writeSynced(fs, `${temporary}/${file}`, bytes))
      onFile(path, 'E522', () => syncFolder(fs, temporary))
      // Of two writers at once the later one finds the number taken.
      if (fs.existsSync(path)) continue
      onFile(path, 'E522', () => fs.renameSync(temporary, path))
      onFile(dir, 'E522', () => syncFolder(fs, dir))
    } finally {
      fs.rmSync(temporary, { recursive: true, force: true })
    }
    for (const { path: old } of finished(fs, dir).slice(keep)) removeCheckpoint(fs, dir, old)
    return path
  }
}

/**
 * Sets a training to the newest checkpoint of `dir` that is whole, or to the checkpoint that `dir` itself is. Damaged ones are passed over as
 * long as there is an older one. Nothing is set if this throws.
 * @throws NotFoundError E550 if there is none; InvalidArgumentError E551 if all are damaged; what `restoreSnapshot` throws.
 */
export function loadCheckpoint(dir: string, options: LoadCheckpointOptions): LoadedCheckpoint {
  const fs = fileSystem('loadCheckpoint', 'readNamedValues and Scope.set')
  const single = fs.existsSync(`${dir}/${MANIFEST}`)
  const found = single ? [{ path: dir }] : finished(fs, dir)
  const faults: EnforceError[] = []
  for (const { path } of found) {
    let read: ReturnType<typeof readCheckpoint>
    try {
      read = readCheckpoint(fs, path)
    } catch (error) {
      if (!(error instanceof EnforceError) || (error.code !== 'E551' && error.code !== 'E520')) throw error
      faults.push(error)
      continue
    }
    const { manifest, snapshot } = read
    const same = manifest.program === sha256(programText(options.program))
    withPlace(
      () => ({ file: path }),
      () => restoreSnapshot(options, snapshot, same, options),
    )
    return { path, step: snapshot.state.step, data: snapshot.state.data, damaged: faults }
  }
  if (faults[0] !== undefined) throw faults[0]
  throw new NotFoundError('E550', `"${dir}" holds no checkpoint`, { where: { file: dir } })
}

/** True if `dir` holds a checkpoint, whole or not. */
export function hasCheckpoint(dir: string): boolean {
  const fs = fileSystem('hasCheckpoint', 'readNamedValues')
  return fs.existsSync(`${dir}/${MANIFEST}`) || finished(fs, dir).length > 0
}

function readCheckpoint(fs: FileSystem, path: string) {
  const read = (name: string): Uint8Array => {
    try {
      return new Uint8Array(fs.readFileSync(`${path}/${name}`))
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') throw damaged(`${name} is missing`)
      return onFile(`${path}/${name}`, 'E521', () => {
        throw error
      })
    }
  }
  return withPlace(
    () => ({ file: path }),
    () => {
      const manifest = readManifest(read(MANIFEST), sha256)
      const files = new Map([STATE, VALUES].map((name) => [name, read(name)] as const))
      return { manifest, snapshot: unpackCheckpoint(manifest, files, sha256) }
    },
  )
}

interface Finished {
  readonly path: string
  readonly number: number
}

/** Checkpoints by falling number; none where the folder cannot be read. */
function finished(fs: FileSystem, dir: string): Finished[] {
  const found: Finished[] = []
  for (const name of list(fs, dir)) {
    const match = FINISHED.exec(name)
    if (match !== null) found.push({ path: `${dir}/${name}`, number: Number(match[1]) })
  }
  return found.sort((a, b) => b.number - a.number || (a.path < b.path ? 1 : -1))
}

function list(fs: FileSystem, dir: string): string[] {
  try {
    return fs.readdirSync(dir)
  } catch {
    return []
  }
}

/** Folders that writers left which are no longer alive. */
function removeLeftovers(fs: FileSystem, dir: string): void {
  for (const name of list(fs, dir)) {
    const writer = TEMPORARY.exec(name)?.[1]
    if (writer !== undefined && !isAlive(Number(writer))) fs.rmSync(`${dir}/${name}`, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** Out of sight first, so that a kill in the middle leaves no half checkpoint under a name that counts. */
function removeCheckpoint(fs: FileSystem, dir: string, path: string): void {
  const name = path.slice(dir.length + 1)
  const hidden = `${dir}/.${name}.tmp-${process.pid}-${crypto.randomUUID().slice(0, 8)}`
  try {
    fs.renameSync(path, hidden)
    fs.rmSync(hidden, { recursive: true, force: true })
  } catch {
    // What cannot be removed stays: the new checkpoint is whole all the same.
  }
}

function writeSynced(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const handle = fs.openSync(path, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(handle, bytes, at)
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

/** Makes a folder and those around it that are missing; each is synced into the one above, or the loss of power could take all of it. */
function makeFolder(fs: FileSystem, dir: string): void {
  const missing: string[] = []
  for (let at = dir; at !== parentOf(at) && !fs.existsSync(at); at = parentOf(at)) missing.push(at)
  fs.mkdirSync(dir, { recursive: true })
  for (const made of missing) syncFolder(fs, parentOf(made))
}

function parentOf(path: string): string {
  const cut = /^(.*?)[/\\]+[^/\\]*[/\\]*$/.exec(path)
  if (cut === null) return '.'
  return cut[1] === '' ? path.slice(0, 1) : cut[1]!
}

/** Windows has no handles of folders to sync. */
function syncFolder(fs: FileSystem, path: string): void {
  if (process.platform === 'win32') return
  const handle = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}
