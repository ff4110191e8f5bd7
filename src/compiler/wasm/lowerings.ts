/** The table of lowerings by operator type. An operator that has none, or whose tensors a lowering declines, runs by its TypeScript kernel. */

import { alongAxis } from './along_axis.ts'
import { amp } from './amp.ts'
import { batchNormalization } from './batch_norm.ts'
import { casts } from './cast.ts'
import { convolution } from './convolution.ts'
import { diagonals } from './diagonals.ts'
import { elementwise } from './elementwise.ts'
import { extremes } from './extremes.ts'
import { fullyConnected } from './fc.ts'
import { fills } from './fill.ts'
import { groupNormalization } from './group_norm.ts'
import { handover } from './handover.ts'
import { indexed } from './indexed.ts'
import { interpolation } from './interpolation.ts'
import type { Piece } from './ir.ts'
import { kronecker } from './kron.ts'
import { layerNormalization } from './layer_norm.ts'
import { lerps } from './lerp.ts'
import { logSoftmaxes } from './log_softmax.ts'
import { logic } from './logic.ts'
import { losses } from './losses.ts'
import { matmul } from './matmul.ts'
import { movement } from './movement.ts'
import { nearestResizing } from './nearest.ts'
import { nll } from './nll_loss.ts'
import { norms } from './norms.ts'
import type { OpReader } from './op_reader.ts'
import { optimizers } from './optimizers.ts'
import { perChannel } from './per_channel.ts'
import { pooling } from './pooling.ts'
import { constantPowers } from './pow.ts'
import { ranking } from './ranking.ts'
import { rearrangements } from './rearrangements.ts'
import { reductions } from './reductions.ts'
import { roots } from './roots.ts'
import { runs } from './running.ts'
import { softmax } from './softmax.ts'

/** The pieces of an operator; none where nothing is to be done; undefined for tensors or attributes that it does not cover. */
export type Lowering = (op: OpReader) => readonly Piece[] | undefined

export const lowerings: Readonly<Record<string, Lowering>> = {
  ...batchNormalization,
  ...convolution,
  ...alongAxis,
  ...amp,
  ...casts,
  ...diagonals,
  ...elementwise,
  ...extremes,
  ...fills,
  ...fullyConnected,
  ...indexed,
  ...interpolation,
  ...logic,
  ...handover,
  ...kronecker,
  ...lerps,
  ...losses,
  ...matmul,
  ...movement,
  ...layerNormalization,
  ...groupNormalization,
  ...logSoftmaxes,
  ...nearestResizing,
  ...nll,
  ...norms,
  ...perChannel,
  ...optimizers,
  ...pooling,
  ...constantPowers,
  ...ranking,
  ...rearrangements,
  ...reductions,
  ...roots,
  ...runs,
  ...softmax,
}
