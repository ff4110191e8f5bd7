/** rnn: LSTM, GRU and plain recurrent networks of several layers, in one or both directions. The arithmetic of a layer is in rnn_layer.ts. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type KernelTensor,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { engineFor, type Generator, uniformFloat32 } from '../../tensor/random.ts'
import { compatibleShapes, formatShape, type Shape } from '../../tensor/shape.ts'
import {
  GATES,
  type LayerSizes,
  type LayerTrace,
  type LayerWeights,
  type RnnMode,
  runLayer,
  runLayerBack,
} from './rnn_layer.ts'

const atLeastOne = (count: number): string | null => (count >= 1 ? null : 'a count of 1 or more')
const ATTRS = {
  dropout_prob: attr.float(0, {
    doc: 'Probability of an element between two layers to become zero while training.',
    check: (p) => (p >= 0 && p <= 1 ? null : 'a probability in [0, 1]'),
  }),
  is_bidirec: attr.bool(false, { doc: 'Both directions, their results side by side.' }),
  input_size: attr.int(10, { doc: 'Features of Input.' }),
  hidden_size: attr.int(100, { doc: 'Features of a state.', check: atLeastOne }),
  num_layers: attr.int(1, { check: atLeastOne }),
  mode: attr.string('RNN_TANH', { check: oneOf('LSTM', 'GRU', 'RNN_TANH', 'RNN_RELU') }),
  seed: attr.int(0, { doc: 'Of the dropout; 0: the generator.' }),
  is_test: attr.bool(false, { doc: 'Inference: no dropout, and DropoutState and Reserve stay unset.' }),
}
type RnnAttrs = FilledAttrs<typeof ATTRS>

const INPUTS = {
  Input: one('[T, B, input_size]: T steps of B sequences.', FLOATS),
  PreState: many('Start of the state, for LSTM of the cell too: [layers * directions, B, hidden].', FLOATS),
  WeightList: many(
    'For each layer and direction the weights of input and state, [gates * hidden, …]; then for each the two biases.',
    FLOATS,
  ),
  SequenceLength: optional('[B]: steps of each sequence; what is behind its end is 0 in Out.', ['int32']),
}

interface Given<T> {
  readonly Input: T
  readonly PreState: readonly T[]
  readonly WeightList: readonly T[]
  readonly SequenceLength?: T | undefined
}

/** @throws InvalidArgumentError E203 for shapes that do not fit one another and the attributes, E206 for a wrong number of variables. */
function checkShapes({ Input, PreState, WeightList, SequenceLength }: Given<Meta>, attrs: RnnAttrs): void {
  const mode = attrs.mode as RnnMode
  const directions = attrs.is_bidirec ? 2 : 1
  const cells = attrs.num_layers * directions
  const { hidden_size } = attrs
  const require = (slot: string, { shape }: Meta, wanted: Shape): void => {
    if (compatibleShapes(shape, wanted)) return
    throw new InvalidArgumentError(
      'E203',
      `rnn: ${slot} must have shape ${formatShape(wanted)}, got ${formatShape(shape)}`,
      { where: { opType: 'rnn', slot }, expected: wanted, got: shape },
    )
  }
  const count = (slot: string, got: number, wanted: readonly number[]): void => {
    if (wanted.includes(got)) return
    throw new InvalidArgumentError('E206', `rnn: ${slot} needs ${wanted.join(' or ')} variables, got ${got}`, {
      where: { opType: 'rnn', slot },
      expected: wanted,
      got,
    })
  }
  require('Input', Input, [-1, -1, attrs.input_size])
  const batch = Input.shape[1]!
  count('PreState', PreState.length, [mode === 'LSTM' ? 2 : 1])
  for (const state of PreState) require('PreState', state, [cells, batch, hidden_size])
  count('WeightList', WeightList.length, [2 * cells, 4 * cells])
  const wide = GATES[mode] * hidden_size
  WeightList.forEach((weight, i) => {
    if (i >= 2 * cells) require('WeightList', weight, [wide])
    else if (i % 2 === 1) require('WeightList', weight, [wide, hidden_size])
    else require('WeightList', weight, [wide, i < 2 * directions ? attrs.input_size : directions * hidden_size])
  })
  if (SequenceLength !== undefined) require('SequenceLength', SequenceLength, [batch])
}

/** Rows that Paddle keeps for the backward run: gates, cells and results of the inner layers, each row of all directions, steps and sequences. */
function reserveRows({ mode, num_layers }: RnnAttrs): number {
  const extra = mode === 'LSTM' ? 2 : mode === 'GRU' ? 1 : 0
  return (GATES[mode as RnnMode] + extra) * num_layers + num_layers - 1
}

interface Network {
  readonly attrs: RnnAttrs
  readonly time: number
  readonly batch: number
  readonly hidden: number
  readonly directions: number
  readonly sizes: (layer: number, direction: number) => LayerSizes
  readonly weights: (layer: number, direction: number) => LayerWeights
  /** The elements of the state (0) or cell (1) that a layer and direction starts from. */
  readonly start: (which: number, layer: number, direction: number) => Float64Array
}

function networkOf({ Input, PreState, WeightList, SequenceLength }: Given<KernelTensor>, attrs: RnnAttrs): Network {
  const [time, batch] = Input.shape as [number, number]
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
      width: layer === 0 ? attrs.input_size : directions * hidden,
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
function runNetwork(
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
function keptCells(network: Network, trace: LayerTrace, reverse: boolean, active: boolean): readonly Float64Array[] {
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
function moveDirection(
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

function dropOut(values: Float64Array, mask: NumberArray, probability: number): void {
  const keep = Math.fround(1 - probability)
  for (let i = 0; i < values.length; i++) values[i] = mask[i] === 0 ? 0 : values[i]! / keep
}

/** The mask between layers, one for all of them: 0 where a uniform float32 is below p, drawn in memory order. */
function drawMask(count: number, { dropout_prob, seed }: RnnAttrs, generator: Generator): Uint8Array {
  const mask = new Uint8Array(count)
  if (dropout_prob === 1) return mask
  const engine = engineFor(seed, generator)
  for (let i = 0; i < count; i++) mask[i] = uniformFloat32(engine) < dropout_prob ? 0 : 1
  return mask
}

const drops = ({ dropout_prob, is_test, num_layers }: RnnAttrs): boolean =>
  !is_test && dropout_prob > 0 && num_layers > 1

export const rnnGrad = defineOp({
  type: 'rnn_grad',
  doc: 'Gradient of rnn: the network is run once more, then walked backwards through time and layers.',
  source: 'paddle/phi/kernels/cpu/rnn_grad_kernel.cc',
  inputs: {
    ...INPUTS,
    DropoutState: optional('DropoutState of rnn.'),
    Out: optional('Out of rnn; not read.'),
    Reserve: optional('Reserve of rnn; not read.'),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
    'State@GRAD': many('Gradients of State.', FLOATS),
  },
  outputs: {
    'Input@GRAD': optional('Gradient of Input.'),
    'PreState@GRAD': many('Gradients of PreState.'),
    'WeightList@GRAD': many('Gradients of WeightList.'),
  },
  attrs: ATTRS,
  inferMeta: ({ Input, PreState, WeightList }) => ({
    'Input@GRAD': Input,
    'PreState@GRAD': PreState,
    'WeightList@GRAD': WeightList,
  }),
  grad: 'unregistered',
  kernels: {
    cpu(inputs, attrs, outputs) {
      const network = networkOf(inputs, attrs)
      const { time, batch, hidden, directions } = network
      const mask = drops(attrs) ? inputs.DropoutState?.data : undefined
      const { traces } = runNetwork(network, inputs.Input.data, mask)
      const cells = attrs.num_layers * directions
      const block = batch * hidden
      const stateGrads = outputs['PreState@GRAD'] as readonly (KernelTensor | undefined)[]
      const weightGrads = outputs['WeightList@GRAD'] as readonly (KernelTensor | undefined)[]
      const single = new Float64Array(time * batch * hidden)
      let dout = Float64Array.from(inputs['Out@GRAD'].data)
      for (let layer = attrs.num_layers - 1; layer >= 0; layer--) {
        if (mask !== undefined && layer < attrs.num_layers - 1) dropOut(dout, mask, attrs.dropout_prob)
        let dx: Float64Array<ArrayBuffer> | undefined
        for (let direction = 0; direction < directions; direction++) {
          const cell = layer * directions + direction
          const end = (which: number): Float64Array => {
            const given = inputs['State@GRAD'][which]
            if (given === undefined) return new Float64Array(block)
            return Float64Array.from((given.data as Float32Array).subarray(cell * block, (cell + 1) * block))
          }
          moveDirection(single, dout, directions, direction, hidden, false)
          const gradient = runLayerBack(
            network.sizes(layer, direction),
            network.weights(layer, direction),
            traces[cell]!,
            single,
            end(0),
            end(1),
          )
          stateGrads[0]?.data.set(gradient.before, cell * block)
          stateGrads[1]?.data.set(gradient.cellBefore, cell * block)
          weightGrads[2 * cell]?.data.set(gradient.input)
          weightGrads[2 * cell + 1]?.data.set(gradient.state)
          weightGrads[2 * (cells + cell)]?.data.set(gradient.inputBias)
          weightGrads[2 * (cells + cell) + 1]?.data.set(gradient.stateBias)
          if (dx === undefined) dx = Float64Array.from(gradient.x)
          else for (let i = 0; i < dx.length; i++) dx[i] = dx[i]! + gradient.x[i]!
        }
        dout = dx!
      }
      outputs['Input@GRAD']?.data.set(dout)
    },
  },
})

/**
 * LSTM: c = f c' + i g, h = o tanh(c). GRU: h = z h' + (1 - z) tanh(x + r (W h' + b)). Plain: h = tanh or relu of the sum. Reserve holds, as in
 * Paddle, the gates, the cells (and their tanh; for GRU the term in brackets) and the results of the inner layers.
 */
export const rnn = defineOp({
  type: 'rnn',
  doc: 'A recurrent network over sequences: LSTM, GRU, RNN_TANH or RNN_RELU, of one or more layers, in one or both directions.',
  source: 'paddle/phi/kernels/cpu/rnn_kernel.cc',
  differs:
    'In both directions with a SequenceLength Paddle gets the gradient of the backward direction wrong; here it is right. An unknown mode is refused; the biases may be left out of WeightList.',
  inputs: INPUTS,
  outputs: {
    Out: one('[T, B, directions * hidden].'),
    DropoutState: optional('uint8 [T, B, directions * hidden]: 1 where an element is kept between layers.'),
    State: many('State after the last step, for LSTM the cell too, as PreState.'),
    Reserve: one('What Paddle keeps for the gradient; here it is only written.'),
  },
  attrs: ATTRS,
  inferMeta({ Input, PreState, WeightList, SequenceLength }, attrs, ctx) {
    checkShapes({ Input, PreState, WeightList, SequenceLength }, attrs)
    const [time, batch] = Input.shape as [number, number]
    const wide = attrs.hidden_size * (attrs.is_bidirec ? 2 : 1)
    const { dtype } = Input
    const results = { Out: { dtype, shape: [time, batch, wide] }, State: PreState }
    const block = time < 0 || batch < 0 ? -1 : time * batch * wide
    const training = {
      ...results,
      DropoutState: { dtype: 'uint8', shape: [time, batch, wide] } as Meta,
      Reserve: { dtype, shape: [reserveRows(attrs), block] },
    }
    return attrs.is_test && ctx.atRun ? (results as typeof training) : training
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(rnnGrad, {
      inputs: {
        Input: inputs.Input,
        PreState: inputs.PreState,
        WeightList: inputs.WeightList,
        SequenceLength: inputs.SequenceLength,
        DropoutState: outputs.DropoutState,
        Out: outputs.Out,
        Reserve: outputs.Reserve,
        'Out@GRAD': outputGrads.Out,
        'State@GRAD': outputGrads.State,
      },
      outputs: {
        'Input@GRAD': inputGrads.Input,
        'PreState@GRAD': inputGrads.PreState,
        'WeightList@GRAD': inputGrads.WeightList,
      },
      attrs: 'copied',
    }),
  ],
  effects: 'random',
  kernels: {
    cpu(inputs, attrs, outputs, { generator }) {
      const network = networkOf(inputs, attrs)
      const { Out, State, DropoutState } = outputs
      const { Reserve } = outputs as Partial<typeof outputs>
      const mask = drops(attrs) ? drawMask(Out.data.length, attrs, generator) : undefined
      const { traces, results } = runNetwork(network, inputs.Input.data, mask)
      Out.data.set(results.at(-1)!)
      if (mask === undefined) DropoutState?.data.fill(1)
      else DropoutState?.data.set(mask)
      const block = network.batch * network.hidden
      traces.forEach(({ state, cell }, i) => {
        State[0]?.data.set(state, i * block)
        State[1]?.data.set(cell, i * block)
      })
      if (Reserve === undefined) return
      const parts = [
        ...traces.map(({ gates }) => gates),
        ...traces.flatMap((trace, i) => keptCells(network, trace, i % network.directions === 1, false)),
        ...(attrs.mode === 'LSTM'
          ? traces.flatMap((trace, i) => keptCells(network, trace, i % network.directions === 1, true))
          : []),
        ...results.slice(0, -1),
      ]
      let at = 0
      for (const part of parts) {
        Reserve.data.set(part, at)
        at += part.length
      }
    },
  },
})
