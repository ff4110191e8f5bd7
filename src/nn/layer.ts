/**
 * Layers as objects: they make their parameters when they are built and are called as often as wanted.
 * Source: python/paddle/nn/layer/ (2.6.2).
 */
import type { ParamAttr } from '../framework/layer_helper.ts'
import { Parameter } from '../framework/variable.ts'
import type { OpValue } from '../modes/call.ts'
import { ParameterMaker } from '../modes/parameters.ts'
import { ParameterTensor } from '../tensor/parameter_tensor.ts'
import * as functional from './functional.ts'

/** Base of all layers: subclasses implement `forward`. */
export abstract class Layer {
  abstract forward<V extends OpValue>(x: V): V

  /** Parameters of this layer and of the layers it holds, in the order of its members. */
  allParameters(): (Parameter | ParameterTensor)[] {
    const found = new Set<Parameter | ParameterTensor>()
    const visit = (value: unknown): void => {
      if (value instanceof Layer) for (const param of value.allParameters()) found.add(param)
      else if (Array.isArray(value)) for (const item of value) visit(item)
      else if (value instanceof Parameter || value instanceof ParameterTensor) found.add(value)
    }
    for (const value of Object.values(this)) visit(value)
    return [...found]
  }

  /** The parameters of a layer made outside of `build`, for an optimizer's `parameters`. */
  parameters(): ParameterTensor[] {
    return this.allParameters().filter((param) => param instanceof ParameterTensor)
  }
}

export interface LinearLayerOptions {
  readonly weightAttr?: ParamAttr
  /** false: no bias. */
  readonly biasAttr?: ParamAttr | false
}

/** x W + b: weight [inFeatures, outFeatures], named `linear_<n>.w_0`; in dygraph a tensor, inside `build` a parameter of the program. */
export class Linear extends Layer {
  readonly weight: Parameter | ParameterTensor
  readonly bias: Parameter | ParameterTensor | undefined

  constructor(inFeatures: number, outFeatures: number, options: LinearLayerOptions = {}) {
    super()
    const maker = new ParameterMaker('linear')
    this.weight = maker.create({ attr: options.weightAttr, shape: [inFeatures, outFeatures] })
    this.bias =
      options.biasAttr === false
        ? undefined
        : maker.create({ attr: options.biasAttr, shape: [outFeatures], isBias: true })
  }

  override forward<V extends OpValue>(x: V): V {
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

  override forward<V extends OpValue>(x: V): V {
    return this.layers.reduce<V>((value, layer) => layer.forward(value), x)
  }
}

export class ReLU extends Layer {
  override forward<V extends OpValue>(x: V): V {
    return functional.relu(x)
  }
}

export class Sigmoid extends Layer {
  override forward<V extends OpValue>(x: V): V {
    return functional.sigmoid(x)
  }
}

export class Hardswish extends Layer {
  override forward<V extends OpValue>(x: V): V {
    return functional.hardswish(x)
  }
}

/** With Paddle's slope of 1/6 and offset of 0.5. */
export class Hardsigmoid extends Layer {
  override forward<V extends OpValue>(x: V): V {
    return functional.hardsigmoid(x)
  }
}

export class Tanh extends Layer {
  override forward<V extends OpValue>(x: V): V {
    return functional.tanh(x)
  }
}

export class Softmax extends Layer {
  readonly axis: number

  constructor(axis = -1) {
    super()
    this.axis = axis
  }

  override forward<V extends OpValue>(x: V): V {
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

  override forward<V extends OpValue>(x: V): V {
    return functional.dropout(x, { p: this.p, mode: this.mode })
  }
}
