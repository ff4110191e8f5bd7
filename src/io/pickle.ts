/**
 * Python pickles, protocols 2 to 4, as far as they are data: dicts, lists, tuples, numbers, texts, bytes and NumPy arrays. The steps of a
 * pickle are carried out in `pickle_machine.ts`, writing is in `pickle_writer.ts`.
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { FILE_KINDS, fileKind } from '../framework/file_kind.ts'
import { withLimits } from '../framework/limits.ts'
import { PickleMachine } from './pickle_machine.ts'
import type { PickleOptions, PickleValue } from './pickle_values.ts'

export { PickleForms } from './pickle_forms.ts'
export {
  type PickleDict,
  type PickleOptions,
  PickleOrderedDict,
  PickleReduced,
  PickleTuple,
  type PickleValue,
} from './pickle_values.ts'

/**
 * The value of a pickle.
 * @throws EnforceError E530 for a pickle that names a function or class that is not data; InvalidArgumentError E531 with the offset for a
 * damaged one, E529 for a file of another kind; UnimplementedError E534 for protocols and objects that are not read, E513 for arrays of
 * other element types; ResourceExhaustedError E602 for tuples nested too deep.
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions = {}): PickleValue {
  try {
    const kind = fileKind(bytes)
    if (kind !== 'pickle' && kind !== 'unknown') {
      throw new InvalidArgumentError('E529', `this is ${FILE_KINDS[kind]}, not a pickle`, {
        expected: FILE_KINDS.pickle,
        got: FILE_KINDS[kind],
      })
    }
    return new PickleMachine(bytes, withLimits(options.limits), options.forms).run()
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}
