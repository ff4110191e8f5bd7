/**
 * The network that the published model was trained as, as a static program: MobileNetV3 small, 0.35 of its width, with PaddleOCR's parameter
 * names. Within its blocks it strides over the height only: text lines are long.
 * Source: PaddleOCR release/1.1, ppocr/modeling/backbones/rec_mobilenet_v3.py and ppocr/modeling/heads/cls_head.py; Howard et al. 2019.
 */
// Outside of this repository: from 'oarlock'.
import { build, callOp, input, nn, ops, type optimizer, type Program, type Variable } from '../../src/index.ts'
import { CHANNELS, HEIGHT, WIDTH } from './preprocess.ts'

const { add, adaptiveAvgPool2d, fc, hardsigmoid, hardswish, maxPool2d, mean, multiply, relu } = nn.functional
const { softmax, softmaxWithCrossEntropy, staticBatchNorm, staticConv2d } = nn.functional
const { Constant, Normal, Uniform } = nn.initializer

type Activation = <V extends Variable>(x: V) => V

interface Block {
  /** Side of the depthwise filter. */
  readonly kernel: number
  /** Channels inside of the block. */
  readonly wide: number
  readonly out: number
  /** Squeeze and excite: channels are weighted by what the whole plane says. */
  readonly excite: boolean
  readonly activation: Activation
  /** Of the height. */
  readonly stride: 1 | 2
}

const block = (
  kernel: number,
  wide: number,
  out: number,
  excite: boolean,
  activation: Activation,
  stride: 1 | 2,
): Block => ({ kernel, wide, out, excite, activation, stride })

/** 0.35 of the published widths, made multiples of 8. */
const BLOCKS: readonly Block[] = [
  block(3, 8, 8, true, relu, 2),
  block(3, 24, 8, false, relu, 2),
  block(3, 32, 8, false, relu, 1),
  block(5, 32, 16, true, hardswish, 2),
  block(5, 88, 16, true, hardswish, 1),
  block(5, 88, 16, true, hardswish, 1),
  block(5, 40, 16, true, hardswish, 1),
  block(5, 48, 16, true, hardswish, 1),
  block(5, 104, 32, true, hardswish, 2),
  block(5, 200, 32, true, hardswish, 1),
  block(5, 200, 32, true, hardswish, 1),
]
const FEATURES = 200
const CLASSES = 2

interface ConvOptions {
  readonly stride?: number | readonly [number, number]
  /** One filter for each channel. */
  readonly depthwise?: boolean
  /** Name of the bias; default: none. */
  readonly bias?: string
}

function conv(x: Variable, name: string, out: number, kernel: number, options: ConvOptions = {}): Variable {
  const channels = x.shape[1]!
  const { stride = 1, depthwise = false, bias } = options
  return staticConv2d(x, out, kernel, {
    stride,
    padding: (kernel - 1) / 2,
    groups: depthwise ? channels : 1,
    // Paddle makes depthwise_conv2d of it only without cuDNN.
    useCudnn: !depthwise,
    weightAttr: { name: `${name}_weights`, initializer: Normal(0, Math.sqrt(2 / (kernel * kernel * channels))) },
    biasAttr: bias === undefined ? false : { name: bias, initializer: Constant(0) },
  })
}

function convNorm(x: Variable, name: string, out: number, kernel: number, options: ConvOptions = {}): Variable {
  return staticBatchNorm(conv(x, name, out, kernel, options), {
    weightAttr: { name: `${name}_bn_scale` },
    biasAttr: { name: `${name}_bn_offset` },
    movingMeanName: `${name}_bn_mean`,
    movingVarianceName: `${name}_bn_variance`,
  })
}

function squeezeExcite(x: Variable, name: string): Variable {
  const channels = x.shape[1]!
  const squeezed = conv(adaptiveAvgPool2d(x, 1), `${name}_1`, Math.floor(channels / 4), 1, { bias: `${name}_1_offset` })
  const weights = conv(relu(squeezed), `${name}_2`, channels, 1, { bias: `${name}_2_offset` })
  return multiply(x, hardsigmoid(weights, { slope: 0.2 }))
}

function residualUnit(x: Variable, name: string, { kernel, wide, out, excite, activation, stride }: Block): Variable {
  let y = activation(convNorm(x, `${name}_expand`, wide, 1))
  y = activation(convNorm(y, `${name}_depthwise`, wide, kernel, { stride: [stride, 1], depthwise: true }))
  if (excite) y = squeezeExcite(y, `${name}_se`)
  y = convNorm(y, `${name}_linear`, out, 1)
  return stride === 1 && x.shape[1] === out ? add(x, y) : y
}

/** Two logits, upright and turned. @param image [N, 3, 48, 192]. @returns [N, 2]. */
export function directionNetwork(image: Variable): Variable {
  let x = hardswish(convNorm(image, 'conv1', 8, 3, { stride: 2 }))
  BLOCKS.forEach((each, i) => {
    x = residualUnit(x, `conv${i + 2}`, each)
  })
  x = hardswish(convNorm(x, 'conv_last', FEATURES, 1))
  x = adaptiveAvgPool2d(maxPool2d(x, 2), 1)
  x = callOp(ops.reshape2, { X: x, ShapeTensor: [] }, { shape: [-1, FEATURES] }).Out
  const bound = 1 / Math.sqrt(FEATURES)
  return fc(x, CLASSES, {
    weightAttr: { name: 'fc_0.w_0', initializer: Uniform(-bound, bound) },
    biasAttr: { name: 'fc_0.b_0' },
  })
}

export interface DirectionPrograms {
  /** One training step: forward, backward, update. */
  readonly main: Program
  /** Initial values of parameters and optimizer. */
  readonly startup: Program
  /** Forward only, with the moving averages of the batch normalisations. */
  readonly test: Program
  /** Names of what all three compute. */
  readonly loss: string
  readonly logits: string
}

/** The `Optimizer` part of PaddleOCR's configs/cls/cls_mv3.yml: a factor of 0 costs two operators a parameter, and is kept. */
export const optimizerConfig = (learningRate: number) => ({
  name: 'Adam',
  beta1: 0.9,
  beta2: 0.999,
  lr: { name: 'Cosine', learning_rate: learningRate },
  regularizer: { name: 'L2', factor: 0 },
})

/** The programs that train the network. They feed `image` and `label`. */
export function buildTraining(by: optimizer.Optimizer): DirectionPrograms {
  // No seed: initial values come from the generator of the run.
  const { main, startup, out } = build(() => {
    const image = input('image', [null, CHANNELS, HEIGHT, WIDTH])
    const label = input('label', [null, 1], 'int64')
    const logits = directionNetwork(image)
    return { logits, loss: mean(softmaxWithCrossEntropy(logits, label)) }
  })
  // Copied before minimize, so that there is nothing in it but the forward operators.
  const test = main.clone({ forTest: true })
  by.minimize(out.loss)
  return { main, startup, test, loss: out.loss.name, logits: out.logits.name }
}

/** The network as it is used: image in, probabilities out, to be saved with the parameters of a training. */
export function buildInference(): {
  readonly program: Program
  readonly image: Variable
  readonly probabilities: Variable
} {
  const { main, out } = build(() => {
    const image = input('image', [null, CHANNELS, HEIGHT, WIDTH])
    return { image, probabilities: softmax(directionNetwork(image), 1) }
  })
  return { program: main, ...out }
}
