/** The table of lowerings by operator type. An operator that has none, or whose tensors a lowering declines, runs by its TypeScript kernel. */

import { batchNormalization } from './batch_norm.ts'
import { casts } from './cast.ts'
import { convolution } from './convolution.ts'
import { elementwise } from './elementwise.ts'
import { fills } from './fill.ts'
import type { Piece } from './ir.ts'
import { layerNormalization } from './layer_norm.ts'
import { logic } from './logic.ts'
import { matmul } from './matmul.ts'
import { movement } from './movement.ts'
import type { OpReader } from './op_reader.ts'
import { optimizers } from './optimizers.ts'
import { pooling } from './pooling.ts'
import { reductions } from './reductions.ts'
import { softmax } from './softmax.ts'

/** The pieces of an operator; none where nothing is to be done; undefined for tensors or attributes that it does not cover. */
export type Lowering = (op: OpReader) => readonly Piece[] | undefined

export const lowerings: Readonly<Record<string, Lowering>> = {
  ...batchNormalization,
  ...convolution,
  ...casts,
  ...elementwise,
  ...fills,
  ...logic,
  ...matmul,
  ...movement,
  ...layerNormalization,
  ...optimizers,
  ...pooling,
  ...reductions,
  ...softmax,
}
