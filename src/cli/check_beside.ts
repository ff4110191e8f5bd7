/** The part of `oarlock check FOLDER` that looks at the parameters beside the program. */
import { createHash } from 'node:crypto'
import { EnforceError } from '../errors.ts'
import type { Issue } from '../framework/issue.ts'
import type { Program } from '../framework/program.ts'
import type { ModelFiles } from '../io/model_files.ts'
import { persistableVariables } from '../io/params.ts'
import { readModelValues } from '../io/read_model.ts'
import type { Io } from './io.ts'
import { lookupOf } from './load_program.ts'
import { readValueBytes } from './run_values.ts'

export interface CheckedValues {
  readonly file: string
  /** Of the bytes of all files, in the order in which they were read. */
  readonly sha256: string
  readonly ops: number
  readonly blocks: number
  readonly tensors: number
  readonly issues: readonly Issue[]
}

/** The values beside the program of a folder: damage, values that do not fit, and variables without one are findings too. */
export function checkBeside(io: Io, program: Program | undefined, files: ModelFiles): CheckedValues | undefined {
  if (program === undefined || persistableVariables(program).length === 0) return undefined
  const hash = createHash('sha256')
  const read = (file: string): Uint8Array => {
    const bytes = readValueBytes(io, file)
    hash.update(bytes)
    return bytes
  }
  const file = files.params[0] ?? files.folder
  const entry = { ops: 0, blocks: 0 }
  try {
    const found = readModelValues(program, files, lookupOf(io), read)
    if (found === undefined) return undefined
    const { missing, values } = found
    const issues: Issue[] = missing.map((name) => ({
      severity: 'error',
      code: 'E533',
      category: 'InvalidArgument',
      message: `"${name}" is persistable, but no file beside the program has a value for it`,
      where: { file, variable: name },
      expected: persistableVariables(program).map((variable) => variable.name),
      got: [...values.keys()],
    }))
    return { ...entry, file: found.files.join(', '), sha256: hash.digest('hex'), tensors: values.size, issues }
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    const issue = issueOf(error)
    return {
      ...entry,
      file,
      sha256: hash.digest('hex'),
      tensors: 0,
      issues: [{ ...issue, where: { file, ...issue.where } }],
    }
  }
}

/** A typed error as a finding. */
export const issueOf = ({ code, category, summary, where, expected, got, hint }: EnforceError): Issue => ({
  severity: 'error',
  code,
  category,
  message: summary,
  where: where ?? {},
  ...(expected === undefined ? {} : { expected }),
  ...(got === undefined ? {} : { got }),
  ...(hint === undefined ? {} : { hint }),
})
