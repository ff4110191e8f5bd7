/**
 * Half parameters and their float32 master weights: the parameter must be the master rounded, else the next update would silently undo
 * whatever was loaded into one of them.
 */
import { PreconditionNotMetError } from '../errors.ts'
import type { Program } from '../framework/program.ts'
import { float32ToHalf, halfToFloat32 } from '../tensor/half.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import type { ValueStore } from './value_store.ts'

export interface MasterPair {
  readonly param: string
  readonly master: string
}

/** Parameters of the program that are updated through a master weight, with the name of that weight. */
export function masterPairs(program: Program): MasterPair[] {
  const pairs: MasterPair[] = []
  for (const block of program.blocks) {
    for (const op of block.ops) {
      const param = op.inputs['Param']?.[0]
      const master = op.inputs['MasterParam']?.[0]
      if (param !== undefined && master !== undefined) pairs.push({ param, master })
    }
  }
  return pairs
}

/**
 * Compares every half parameter with its master weight; pairs of which one has no value are passed over.
 * @throws PreconditionNotMetError E314 naming the parameters that are not their master rounded.
 */
export function checkMasterWeights(program: Program, values: ValueStore): void {
  checkPairs(masterPairs(program), values)
}

function checkPairs(pairs: readonly MasterPair[], values: ValueStore): void {
  const wrong = pairs.filter(({ param, master }) => !agrees(values.get(param), values.get(master)))
  const first = wrong[0]
  if (first === undefined) return
  const names = wrong.map(({ param }) => `"${param}"`).join(', ')
  throw new PreconditionNotMetError(
    'E314',
    `${names} ${wrong.length === 1 ? 'is' : 'are'} not the master weight${wrong.length === 1 ? '' : 's'} rounded: one of the two was loaded without the other`,
    {
      where: { variable: first.param },
      expected: first.master,
      got: wrong.map(({ param }) => param),
      hint: 'load both, or repair with syncMasterWeights(program, scope, "fromParameter") or "fromMaster"',
    },
  )
}

/**
 * After values were loaded: where only one of a pair was loaded the other follows from it; where both were, they must agree.
 * @returns the names of what was remade.
 * @throws PreconditionNotMetError E314 when both were loaded and disagree; nothing is changed then.
 */
export function settleMasterWeights(program: Program, values: ValueStore, loaded: ReadonlySet<string>): string[] {
  const pairs = masterPairs(program)
  const halves = pairs.filter(({ param, master }) => loaded.has(param) && !loaded.has(master))
  const masters = pairs.filter(({ param, master }) => loaded.has(master) && !loaded.has(param))
  const single = new Set([...halves, ...masters])
  checkPairs(
    pairs.filter((pair) => !single.has(pair)),
    values,
  )
  return [...syncPairs(halves, values, 'fromParameter'), ...syncPairs(masters, values, 'fromMaster')]
}

/** Makes every pair agree, taking the values of one side; returns the names of what was changed. */
export function syncMasterWeights(
  program: Program,
  values: ValueStore,
  from: 'fromParameter' | 'fromMaster',
): string[] {
  return syncPairs(masterPairs(program), values, from)
}

function syncPairs(pairs: readonly MasterPair[], values: ValueStore, from: 'fromParameter' | 'fromMaster'): string[] {
  const changed: string[] = []
  for (const { param, master } of pairs) {
    const half = values.get(param)
    const wide = values.get(master)
    if (agrees(half, wide) || !(half instanceof Tensor) || !(wide instanceof Tensor)) continue
    if (half.dtype !== 'float16' && half.dtype !== 'bfloat16') continue
    if (from === 'fromMaster') {
      const bits = new Uint16Array(half.size)
      float32ToHalf(half.dtype, wide.data as Float32Array, bits)
      values.set(param, new Tensor(half.dtype, half.shape, bits))
      changed.push(param)
    } else {
      const numbers = new Float32Array(half.size)
      halfToFloat32(half.dtype, half.data as Uint16Array, numbers)
      values.set(master, new Tensor('float32', half.shape, numbers))
      changed.push(master)
    }
  }
  return changed
}

function agrees(param: Value | undefined, master: Value | undefined): boolean {
  if (!(param instanceof Tensor) || !(master instanceof Tensor)) return true
  if (param.dtype !== 'float16' && param.dtype !== 'bfloat16') return true
  if (param.size !== master.size) return false
  const rounded = new Uint16Array(master.size)
  float32ToHalf(param.dtype, master.data as Float32Array, rounded)
  const bits = param.data as Uint16Array
  return rounded.every((value, i) => value === bits[i])
}
