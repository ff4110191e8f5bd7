/** Random cases of every operator that has a WASM lowering. */
import type { LoweringCase, Random } from '../lowering_case.ts'
import { alongAxis } from './along_axis.ts'
import { convolution } from './convolution.ts'
import { elementwise } from './elementwise.ts'
import { indexed } from './indexed.ts'
import { interpolation } from './interpolation.ts'
import { logic } from './logic.ts'
import { movement } from './movement.ts'
import { normalization } from './normalization.ts'
import { optimizers } from './optimizers.ts'
import { pooling } from './pooling.ts'
import { products } from './products.ts'
import { rearrangements } from './rearrangements.ts'
import { reductions } from './reductions.ts'
import { running } from './running.ts'

export const CASES: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  ...alongAxis,
  ...convolution,
  ...elementwise,
  ...indexed,
  ...interpolation,
  ...logic,
  ...movement,
  ...optimizers,
  ...normalization,
  ...pooling,
  ...products,
  ...rearrangements,
  ...reductions,
  ...running,
}
