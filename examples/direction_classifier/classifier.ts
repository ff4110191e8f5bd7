/**
 * PaddleOCR's classifier of the direction of a text line: upright, or turned by 180 degrees.
 * Source: PaddleOCR release/2.2, tools/infer/predict_cls.py and ppocr/postprocess/cls_postprocess.py.
 */
import { fileURLToPath } from 'node:url'
// Outside of this repository: from 'oarlock'.
import { Executor, type InferenceModel, loadInferenceModel, Tensor } from '../../src/index.ts'
import type { Image } from './image.ts'
import { CHANNELS, HEIGHT, preprocess, WIDTH } from './preprocess.ts'

/** Prefix of the published model's files beside this one. */
export const PUBLISHED_MODEL = fileURLToPath(new URL('model/inference', import.meta.url))

/** PaddleOCR's cls_batch_num. The size of a batch does not change its results. */
export const BATCH = 6
/** PaddleOCR's cls_thresh. */
export const THRESHOLD = 0.9

const LABELS = ['0', '180'] as const

export interface Direction {
  /** Degrees that the line is turned by. */
  readonly label: (typeof LABELS)[number]
  /** The probability of the label, 0.5 to 1. */
  readonly score: number
  /** Whether to turn the image: label 180 with a score above the threshold. */
  readonly rotate: boolean
}

export interface ClassifierOptions {
  /** Prefix of a .pdmodel and a .pdiparams file. Default: the published model. */
  readonly model?: string
  /** A score must be above it to turn an image. Default 0.9. */
  readonly threshold?: number
}

/** The model, loaded once. `dispose` frees its memory. */
export class DirectionClassifier {
  readonly threshold: number
  readonly #executor = new Executor()
  readonly #model: InferenceModel

  /** @throws EnforceError for a model that cannot be read. */
  constructor(options: ClassifierOptions = {}) {
    this.threshold = options.threshold ?? THRESHOLD
    this.#model = loadInferenceModel(options.model ?? PUBLISHED_MODEL, this.#executor)
  }

  /** One direction for each image, in their order. All go through the network at once. */
  classify(images: readonly Image[]): Direction[] {
    return images.length === 0 ? [] : this.classifyLines(preprocess(images))
  }

  /** @param lines [N, 3, 48, 192] as `preprocess` makes them. */
  classifyLines(lines: Float32Array): Direction[] {
    const { data } = this.probabilities(lines)
    return Array.from({ length: data.length / LABELS.length }, (_, row) => {
      const [upright, turned] = [data[2 * row] as number, data[2 * row + 1] as number]
      // Of equal ones the first, as numpy's argmax.
      const best = turned > upright ? 1 : 0
      const score = best === 1 ? turned : upright
      return { label: LABELS[best], score, rotate: best === 1 && score > this.threshold }
    })
  }

  /** The network's output, [N, 2]: the probability of each label. */
  probabilities(lines: Float32Array): Tensor {
    const { program, feedNames, fetchVars } = this.#model
    const x = new Tensor('float32', [lines.length / (CHANNELS * HEIGHT * WIDTH), CHANNELS, HEIGHT, WIDTH], lines)
    return this.#executor.run(program, { feed: { [feedNames[0]!]: x }, fetch: fetchVars })[0] as Tensor
  }

  dispose(): void {
    this.#executor.dispose()
  }
}
