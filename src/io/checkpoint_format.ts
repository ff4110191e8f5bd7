/**
 * The files of a checkpoint: values.safetensors, state.json, and manifest.json, which holds sizes and SHA-256 of the two and of each tensor
 * and is written in one way only, so that a change of any byte of any of the three is found.
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import type { Limits } from '../framework/limits.ts'
import { formatShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { dataBytes } from './bytes.ts'
import type { CheckpointState, Snapshot } from './checkpoint.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'

export type Hash = (data: Uint8Array | string) => string

export const VALUES = 'values.safetensors'
export const STATE = 'state.json'
export const MANIFEST = 'manifest.json'

export interface Manifest {
  readonly format: 'oarlock-checkpoint'
  readonly format_version: 1
  readonly step: number
  /** SHA-256 of the program. */
  readonly program: string
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>
  readonly tensors: Readonly<Record<string, string>>
  /** Persistable variables without a value. */
  readonly unset: readonly string[]
}

/** A tensor whose digest covers its type and shape. */
const tensorDigest = (tensor: Tensor, hash: Hash): string =>
  hash(`${tensor.dtype}${formatShape(tensor.shape)}\n${hash(dataBytes(tensor))}`)

/** @param program SHA-256 of the program's text. */
export function packCheckpoint(
  { values, unset, state }: Snapshot,
  program: string,
  hash: Hash,
): Map<string, Uint8Array> {
  const utf8 = new TextEncoder()
  const files = new Map<string, Uint8Array>()
  files.set(VALUES, writeSafetensors(values))
  files.set(STATE, utf8.encode(`${JSON.stringify(state, writeNumber)}\n`))
  const body: Manifest = {
    format: 'oarlock-checkpoint',
    format_version: 1,
    step: state.step,
    program,
    files: Object.fromEntries([...files].map(([name, bytes]) => [name, { bytes: bytes.length, sha256: hash(bytes) }])),
    tensors: Object.fromEntries([...values].map(([name, tensor]) => [name, tensorDigest(tensor, hash)])),
    unset,
  }
  return files.set(MANIFEST, utf8.encode(manifestText(body, hash)))
}

const manifestText = (body: object, hash: Hash): string =>
  `${JSON.stringify({ ...body, sha256: hash(JSON.stringify(body)) })}\n`

/** What a checkpoint's manifest says, once it is known to be whole. @throws InvalidArgumentError E551. */
export function readManifest(bytes: Uint8Array, hash: Hash): Manifest {
  let json: Manifest & { readonly sha256: string }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    json = JSON.parse(text)
  } catch {
    throw damaged(`${MANIFEST} is no JSON`)
  }
  if (typeof json !== 'object' || json === null) throw damaged(`${MANIFEST} is no object`)
  const { sha256, ...body } = json
  // The digest was taken of this very text, so a manifest that gives another text is not what was written.
  if (typeof sha256 !== 'string' || manifestText(body, hash) !== text) throw damaged(`${MANIFEST} has another SHA-256`)
  if (body.format !== 'oarlock-checkpoint' || body.format_version !== 1) {
    throw damaged(`${MANIFEST} is of format ${String(body.format)} ${String(body.format_version)}`)
  }
  return body
}

/**
 * The snapshot in the files of a checkpoint.
 * @throws InvalidArgumentError E551 naming the file, and the tensor where one is known, that is not what was written.
 */
export function unpackCheckpoint(
  manifest: Manifest,
  files: ReadonlyMap<string, Uint8Array>,
  hash: Hash,
  limits: Partial<Limits> = {},
): Snapshot {
  for (const name of [STATE, VALUES]) {
    const bytes = files.get(name)
    const wanted = manifest.files[name]
    if (bytes === undefined || wanted === undefined) throw damaged(`${name} is missing`)
    if (bytes.length !== wanted.bytes) throw damaged(`${name} has ${bytes.length} bytes, ${wanted.bytes} were written`)
    if (name === STATE && hash(bytes) !== wanted.sha256) throw damaged(`${name} has another SHA-256`)
  }
  const bytes = files.get(VALUES)!
  if (hash(bytes) !== manifest.files[VALUES]!.sha256) throw damagedTensor(bytes, manifest, hash)
  const values = readSafetensors(bytes, { limits }).tensors
  const state = JSON.parse(new TextDecoder().decode(files.get(STATE)!), readNumber) as CheckpointState
  return { values, unset: manifest.unset, state }
}

/** Which tensor of a damaged file is not what was written, where the file can still be read. */
function damagedTensor(bytes: Uint8Array, manifest: Manifest, hash: Hash): InvalidArgumentError {
  let values: ReadonlyMap<string, Tensor>
  try {
    values = readSafetensors(bytes).tensors
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    return damaged(`${VALUES}: ${error.summary}`)
  }
  for (const [name, digest] of Object.entries(manifest.tensors)) {
    const tensor = values.get(name)
    if (tensor === undefined || tensorDigest(tensor, hash) !== digest) {
      return damaged(`"${name}" has another SHA-256`, { variable: name })
    }
  }
  return damaged(`${VALUES} has another SHA-256`)
}

export const damaged = (what: string, where: object = {}): InvalidArgumentError =>
  new InvalidArgumentError('E551', `a checkpoint is damaged: ${what}`, { where })

/** JSON has no infinities, no NaN and no negative zero; schedules do. */
function writeNumber(_: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return { $number: Object.is(value, -0) ? '-0' : String(value) }
}

function readNumber(_: string, value: unknown): unknown {
  const text = typeof value === 'object' && value !== null ? (value as { $number?: unknown }).$number : undefined
  return typeof text === 'string' ? Number(text) : value
}
