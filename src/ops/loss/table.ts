/** The table of the operators of this folder: losses and metrics. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { accuracy } from './accuracy.ts'
import { auc } from './auc.ts'
import { bceLoss, bceLossGrad } from './bce_loss.ts'
import { crossEntropy, crossEntropy2, crossEntropyGrad, crossEntropyGrad2 } from './cross_entropy.ts'
import { huberLoss, huberLossGrad } from './huber_loss.ts'
import { kldivLoss, kldivLossGrad } from './kldiv_loss.ts'
import { logLoss, logLossGrad } from './log_loss.ts'
import { nllLoss, nllLossGrad } from './nll_loss.ts'
import { sigmoidCrossEntropyWithLogits, sigmoidCrossEntropyWithLogitsGrad } from './sigmoid_cross_entropy.ts'
import { softmaxWithCrossEntropy, softmaxWithCrossEntropyGrad } from './softmax_with_cross_entropy.ts'

export const lossOps = {
  accuracy,
  auc,
  bce_loss: bceLoss,
  bce_loss_grad: bceLossGrad,
  cross_entropy: crossEntropy,
  cross_entropy2: crossEntropy2,
  cross_entropy_grad: crossEntropyGrad,
  cross_entropy_grad2: crossEntropyGrad2,
  huber_loss: huberLoss,
  huber_loss_grad: huberLossGrad,
  kldiv_loss: kldivLoss,
  kldiv_loss_grad: kldivLossGrad,
  log_loss: logLoss,
  log_loss_grad: logLossGrad,
  nll_loss: nllLoss,
  nll_loss_grad: nllLossGrad,
  sigmoid_cross_entropy_with_logits: sigmoidCrossEntropyWithLogits,
  sigmoid_cross_entropy_with_logits_grad: sigmoidCrossEntropyWithLogitsGrad,
  softmax_with_cross_entropy: softmaxWithCrossEntropy,
  softmax_with_cross_entropy_grad: softmaxWithCrossEntropyGrad,
} satisfies OpLibrary
