/**
 * Layers as objects: they make their parameters when they are built and are called as often as wanted.
 * Source: python/paddle/nn/layer/ (2.6.2).
 */
import { LayerHelper, type ParamAttr } from '../framework/layer_helper.ts'
import type { Parameter, Variable } from '../framework/variable.ts'
import * as functional from './functional.ts'

/** Base of all layers: subclasses implement `forward`. */
export abstract class Layer {
  abstract forward(x: Variable): Variable

  /** Parameters of this layer and of the layers it holds, in the order of its members. */
  parameters(): Parameter[] {
    const found = new Set<Parameter>()
    const visit = (value: unknown): void => {
      if (value instanceof Layer) for (const param of value.parameters()) found.add(param)
      else if (Array.isArray(value)) for (const item of value) visit(item)
      else if (isParameter(value)) found.add(value)
    }
    for (const value of Object.values(this)) visit(value)
    return [...found]
  }
}

const isParameter = (value: unknown): value is Parameter =>
  typeof value === 'object' && value !== null && 'isParameter' in value && value.isParameter === true

export interface LinearLayerOptions {
  readonly weightAttr?: ParamAttr
  /** false: no bias. */
  readonly biasAttr?: ParamAttr | false
}

/** x W + b: weight [inFeatures, outFeatures], named `linear_<n>.w_0`. */
export class Linear extends Layer {
  readonly weight: Parameter
  readonly bias: Parameter | undefined

  constructor(inFeatures: number, outFeatures: number, options: LinearLayerOptions = {}) {
    super()
    const helper = new LayerHelper('linear')
    this.weight = helper.createParameter({ attr: options.weightAttr, shape: [inFeatures, outFeatures] })
    this.bias =
      options.biasAttr === false
        ? undefined
        : helper.createParameter({ attr: options.biasAttr, shape: [outFeatures], isBias: true })
  }

  override forward(x: Variable): Variable {
    return functional.linear(x, this.weight, this.bias)
  }
}

/** One layer after another. */
export class Sequential extends Layer {
  readonly layers: readonly Layer[]

  constructor(...layers: readonly Layer[]) {
    super()
    this.layers = layers
  }

  override forward(x: Variable): Variable {
    return this.layers.reduce((value, layer) => layer.forward(value), x)
  }
}

export class ReLU extends Layer {
  override forward(x: Variable): Variable {
    return functional.relu(x)
  }
}

export class Sigmoid extends Layer {
  override forward(x: Variable): Variable {
    return functional.sigmoid(x)
  }
}

export class Tanh extends Layer {
  override forward(x: Variable): Variable {
    return functional.tanh(x)
  }
}

export class Softmax extends Layer {
  readonly axis: number

  constructor(axis = -1) {
    super()
    this.axis = axis
  }

  override forward(x: Variable): Variable {
    return functional.softmax(x, this.axis)
  }
}

export class Dropout extends Layer {
  readonly p: number
  readonly mode: 'upscale_in_train' | 'downscale_in_infer'

  constructor(p = 0.5, mode: 'upscale_in_train' | 'downscale_in_infer' = 'upscale_in_train') {
    super()
    this.p = p
    this.mode = mode
  }

  override forward(x: Variable): Variable {
    return functional.dropout(x, { p: this.p, mode: this.mode })
  }
}
