/** The table of the operators of this folder: reductions and running sums. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { argMax, argMin } from './arg_extreme.ts'
import { kthvalue, kthvalueGrad, mode, modeGrad } from './chosen.ts'
import { cummax, cummaxGrad, cummin, cumminGrad } from './cum_extremes.ts'
import { cumprod, cumprodGrad } from './cumprod.ts'
import { cumsum, cumsumGrad } from './cumsum.ts'
import { logcumsumexp, logcumsumexpGrad } from './logcumsumexp.ts'
import { logsumexp, logsumexpGrad } from './logsumexp.ts'
import { frobeniusNorm, frobeniusNormGrad, l1Norm, l1NormGrad, pNorm, pNormGrad } from './norms.ts'
import {
  reduceMax,
  reduceMaxGrad,
  reduceMean,
  reduceMeanGrad,
  reduceMin,
  reduceMinGrad,
  reduceSum,
  reduceSumGrad,
} from './reduce.ts'
import { reduceAll, reduceAny } from './reduce_logical.ts'
import { reduceProd, reduceProdGrad } from './reduce_prod.ts'
import { reduceAmax, reduceAmaxGrad, reduceAmin, reduceAminGrad } from './shared_extremes.ts'

export const reduceOps = {
  arg_max: argMax,
  arg_min: argMin,
  cummax,
  cummax_grad: cummaxGrad,
  cummin,
  cummin_grad: cumminGrad,
  cumprod,
  cumprod_grad: cumprodGrad,
  cumsum,
  cumsum_grad: cumsumGrad,
  frobenius_norm: frobeniusNorm,
  frobenius_norm_grad: frobeniusNormGrad,
  kthvalue,
  kthvalue_grad: kthvalueGrad,
  l1_norm: l1Norm,
  l1_norm_grad: l1NormGrad,
  logcumsumexp,
  logcumsumexp_grad: logcumsumexpGrad,
  logsumexp,
  logsumexp_grad: logsumexpGrad,
  mode,
  mode_grad: modeGrad,
  p_norm: pNorm,
  p_norm_grad: pNormGrad,
  reduce_all: reduceAll,
  reduce_amax: reduceAmax,
  reduce_amax_grad: reduceAmaxGrad,
  reduce_amin: reduceAmin,
  reduce_amin_grad: reduceAminGrad,
  reduce_any: reduceAny,
  reduce_max: reduceMax,
  reduce_max_grad: reduceMaxGrad,
  reduce_mean: reduceMean,
  reduce_mean_grad: reduceMeanGrad,
  reduce_min: reduceMin,
  reduce_min_grad: reduceMinGrad,
  reduce_prod: reduceProd,
  reduce_prod_grad: reduceProdGrad,
  reduce_sum: reduceSum,
  reduce_sum_grad: reduceSumGrad,
} satisfies OpLibrary
