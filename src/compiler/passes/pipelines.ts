/** All passes in the order in which they are listed, the default pipelines, and the choice of passes by name. */
import { NotFoundError, suggest } from '../../errors.ts'
import { cancelCasts } from './cancel_casts.ts'
import { cancelTransposes } from './cancel_transposes.ts'
import { commonSubexpressions } from './common_subexpressions.ts'
import { constantFolding } from './constant_folding.ts'
import { convElementwiseAddActFuse } from './conv_elementwise_add_act_fuse.ts'
import { convElementwiseAddFuse } from './conv_elementwise_add_fuse.ts'
import { convElementwiseAdd2ActFuse } from './conv_elementwise_add2_act_fuse.ts'
import { deadCode } from './dead_code.ts'
import { fcFuse } from './fc_fuse.ts'
import { foldBatchNorm } from './fold_batch_norm.ts'
import { mergeUpdates } from './merge_updates.ts'
import type { Pass } from './pass.ts'

/** In this order: the last one takes what the others leave. For inference alone, because what they make has no gradient. */
const FUSIONS = [fcFuse, convElementwiseAddActFuse, convElementwiseAdd2ActFuse, convElementwiseAddFuse]

export const PASSES: readonly Pass[] = [
  constantFolding,
  foldBatchNorm,
  cancelCasts,
  cancelTransposes,
  commonSubexpressions,
  ...FUSIONS,
  mergeUpdates,
  deadCode,
]

/** What is good for a kind of program. A pipeline is a list of passes in order, and `none` does nothing. */
export const PIPELINES = {
  none: [],
  training: [constantFolding, cancelCasts, cancelTransposes, commonSubexpressions, mergeUpdates, deadCode],
  inference: [
    constantFolding,
    foldBatchNorm,
    cancelCasts,
    cancelTransposes,
    commonSubexpressions,
    ...FUSIONS,
    deadCode,
  ],
} as const satisfies Readonly<Record<string, readonly Pass[]>>

export type PipelineName = keyof typeof PIPELINES

/**
 * The passes that names mean; the name of a pipeline stands for its passes.
 * @param known passes beside the standard ones, or in their place. @throws NotFoundError E801 with the nearest name.
 */
export function choosePasses(names: readonly string[], known: readonly Pass[] = PASSES): Pass[] {
  return names.flatMap((name): readonly Pass[] => {
    if (Object.hasOwn(PIPELINES, name)) return PIPELINES[name as PipelineName]
    const pass = known.find((each) => each.name === name)
    if (pass !== undefined) return [pass]
    const all = [...Object.keys(PIPELINES), ...known.map((each) => each.name)]
    const hint = suggest(name, all)
    throw new NotFoundError('E801', `there is no pass "${name}"`, {
      expected: all,
      got: name,
      hint: hint ?? 'oarlock opt --list lists the passes',
    })
  })
}
