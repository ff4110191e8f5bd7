/** NumPy's .npz files: a zip archive of one .npy file per name. Source: numpy/lib/npyio.py, savez. */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { FILE_KINDS, fileKind } from '../framework/file_kind.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type NpyOptions, readNpy, writeNpy } from './npy.ts'
import { readZip, writeZip } from './zip.ts'

/**
 * The arrays of a .npz file by name.
 * @throws InvalidArgumentError E536 for a damaged archive, E537 for a name that is none, E529 for a file of another kind;
 * ResourceExhaustedError E605 for one that unpacks to too much; what {@link readNpy} throws, with the name.
 */
export function readNpz(bytes: Uint8Array, options: NpyOptions = {}): Map<string, Tensor> {
  try {
    const kind = fileKind(bytes)
    if (kind !== 'zip' && kind !== 'unknown') {
      throw new InvalidArgumentError('E529', `this is ${FILE_KINDS[kind]}, not a .npz file`, {
        expected: FILE_KINDS.zip,
        got: FILE_KINDS[kind],
      })
    }
    const arrays = new Map<string, Tensor>()
    for (const [entry, file] of readZip(bytes, options.limits)) {
      if (!entry.endsWith('.npy')) {
        throw new InvalidArgumentError(
          'E537',
          `the archive has an entry ${JSON.stringify(entry)}, which is no .npy file`,
          {
            expected: 'entries that end with .npy',
            got: entry,
          },
        )
      }
      const name = entry.slice(0, -'.npy'.length)
      try {
        arrays.set(name, readNpy(file, options.limits === undefined ? {} : { limits: options.limits }))
      } catch (error) {
        throw error instanceof EnforceError ? error.at({ variable: name }) : error
      }
    }
    return arrays
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}

/** The bytes of a .npz file. Equal arrays in equal order give equal bytes. @param options.compress as numpy.savez_compressed. */
export function writeNpz(
  arrays: ReadonlyMap<string, Tensor>,
  options: { readonly compress?: boolean } = {},
): Uint8Array {
  const files = new Map([...arrays].map(([name, tensor]) => [`${name}.npy`, writeNpy(tensor)]))
  return writeZip(files, options.compress === true ? 6 : 0)
}
