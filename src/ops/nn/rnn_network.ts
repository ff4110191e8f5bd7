/** The layers and directions of a recurrent network around the walk of a single one (rnn_layer.ts): order, dropout, what is kept for the gradient. */
import type { KernelTensor } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'
import { engineFor, type Generator, uniformFloat32 } from '../../tensor/random.ts'
import { type LayerSizes, type LayerTrace, type LayerWeights, type RnnMode, runLayer } from './rnn_layer.ts'

/** What a network needs of the operator's attributes. */
export interface NetworkAttrs {
  readonly dropout_prob: number
  readonly is_bidirec: boolean
  readonly hidden_size: number
  readonly num_layers: number
  readonly mode: string
  readonly seed: number
}

/** The operator's inputs, as tensors or as their metas. */
export interface Given<T> {
  readonly Input: T
  readonly PreState: readonly T[]
  readonly WeightList: readonly T[]
  readonly SequenceLength?: T | undefined
}

export interface Network {
  readonly attrs: NetworkAttrs
  readonly time: number
  readonly batch: number
  readonly hidden: number
  readonly directions: number
  readonly sizes: (layer: number, direction: number) => LayerSizes
  readonly weights: (layer: number, direction: number) => LayerWeights
  /** The elements of the state (0) or cell (1) that a layer and direction starts from. */
  readonly start: (which: number, layer: number, direction: number) => Float64Array
}

export function networkOf(
  { Input, PreState, WeightList, SequenceLength }: Given<KernelTensor>,
  attrs: NetworkAttrs,
): Network {
  const [time, batch, features] = Input.shape as readonly [number, number, number]
  const hidden = attrs.hidden_size
  const directions = attrs.is_bidirec ? 2 : 1
  const cells = attrs.num_layers * directions
  const block = batch * hidden
  const weights = WeightList.map(({ data }) => Float64Array.from(data))
  return {
    attrs,
    time,
    batch,
    hidden,
    directions,
    sizes: (layer, direction) => ({
      mode: attrs.mode as RnnMode,
      time,
      batch,
      width: layer === 0 ? features : directions * hidden,
      hidden,
      reverse: direction === 1,
      lengths: SequenceLength?.data,
    }),
    weights: (layer, direction) => {
      const cell = layer * directions + direction
      return {
        input: weights[2 * cell]!,
        state: weights[2 * cell + 1]!,
        inputBias: weights[2 * (cells + cell)],
        stateBias: weights[2 * (cells + cell) + 1],
      }
    },
    start: (which, layer, direction) => {
      const state = PreState[which]
      if (state === undefined) return new Float64Array(block)
      const from = (layer * directions + direction) * block
      return Float64Array.from((state.data as Float32Array).subarray(from, from + block))
    },
  }
}

/** Runs all layers; the traces lie layer by layer, direction by direction. */
export function runNetwork(
  network: Network,
  input: NumberArray,
  mask: NumberArray | undefined,
): { readonly traces: readonly LayerTrace[]; readonly results: readonly Float64Array[] } {
  const { attrs, time, batch, hidden, directions } = network
  const traces: LayerTrace[] = []
  const results: Float64Array[] = []
  let x = Float64Array.from(input)
  for (let layer = 0; layer < attrs.num_layers; layer++) {
    const out = new Float64Array(time * batch * directions * hidden)
    for (let direction = 0; direction < directions; direction++) {
      const trace = runLayer(
        network.sizes(layer, direction),
        x,
        network.weights(layer, direction),
        network.start(0, layer, direction),
        network.start(1, layer, direction),
      )
      traces.push(trace)
      moveDirection(trace.out, out, directions, direction, hidden, true)
    }
    results.push(out)
    x = out
    if (mask !== undefined && layer < attrs.num_layers - 1) {
      x = out.slice()
      dropOut(x, mask, attrs.dropout_prob)
    }
  }
  return { traces, results }
}

/**
 * What Paddle keeps of a direction beside its gates, in the order of its steps: LSTM the cells (or their tanh), GRU the reset gate times the
 * state's share of the candidate.
 */
export function keptCells(
  network: Network,
  trace: LayerTrace,
  reverse: boolean,
  active: boolean,
): readonly Float64Array[] {
  const { attrs, time, batch, hidden } = network
  const { cells, gates } = trace
  if (attrs.mode !== 'LSTM' && attrs.mode !== 'GRU') return []
  const kept = new Float64Array(cells.length)
  const block = batch * hidden
  const lengths = network.sizes(0, 0).lengths
  for (let t = 0; t < time; t++) {
    for (let s = 0; s < block; s++) {
      const i = t * block + s
      const b = Math.floor(s / hidden)
      let value = cells[i]!
      if (attrs.mode === 'GRU') value *= gates[(t * batch + b) * 3 * hidden + (s % hidden)]!
      else if (active) value = Math.tanh(value)
      // Behind the end of a sequence the cell stays what it was.
      else if (lengths !== undefined && t >= lengths[b]!) value = trace.cellsBefore[i]!
      kept[(reverse ? time - 1 - t : t) * block + s] = value
    }
  }
  return [kept]
}

/** Copies between the results of one direction, [T, B, hidden], and of all, [T, B, directions * hidden]. */
export function moveDirection(
  single: Float64Array,
  all: Float64Array,
  directions: number,
  direction: number,
  hidden: number,
  into: boolean,
): void {
  for (let r = 0; r * hidden < single.length; r++) {
    const from = r * hidden
    const to = (r * directions + direction) * hidden
    for (let k = 0; k < hidden; k++) {
      if (into) all[to + k] = single[from + k]!
      else single[from + k] = all[to + k]!
    }
  }
}

export function dropOut(values: Float64Array, mask: NumberArray, probability: number): void {
  const keep = Math.fround(1 - probability)
  for (let i = 0; i < values.length; i++) values[i] = mask[i] === 0 ? 0 : values[i]! / keep
}

/** The mask between layers, one for all of them: 0 where a uniform float32 is below p, drawn in memory order. */
export function drawMask(count: number, { dropout_prob, seed }: NetworkAttrs, generator: Generator): Uint8Array {
  const mask = new Uint8Array(count)
  if (dropout_prob === 1) return mask
  const engine = engineFor(seed, generator)
  for (let i = 0; i < count; i++) mask[i] = uniformFloat32(engine) < dropout_prob ? 0 : 1
  return mask
}
