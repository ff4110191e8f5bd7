/**
 * The public surface of `oarlock/ir`: programs as data, without kernels. Reads program JSON and ProgramDesc files (.pdmodel), prints, checks
 * and writes them. `verify` finds what it finds in `oarlock`, but for what needs inference: shapes and element types that do not fit, and
 * attribute values that an operator itself restricts.
 */
export {
  AlreadyExistsError,
  EnforceError,
  type ErrorCategory,
  type ErrorJson,
  type ErrorPlace,
  InvalidArgumentError,
  NotFoundError,
  OutOfRangeError,
  PreconditionNotMetError,
  ResourceExhaustedError,
  UnimplementedError,
} from '../errors.ts'
export type { AppendOpDesc, Block, SlotValue } from '../framework/block.ts'
export type { OpLibrary } from '../framework/op_def.ts'
export { OpRole } from '../framework/op_role.ts'
export type { Operator } from '../framework/operator.ts'
export { formatProgram } from '../framework/printer.ts'
export { type ProgramJson, stringifyProgramJson } from '../framework/program_json.ts'
export { Parameter, Variable } from '../framework/variable.ts'
export { type Issue, verify } from '../framework/verify.ts'
export { Program, signatures } from './program.ts'
