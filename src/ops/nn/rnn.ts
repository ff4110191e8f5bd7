/** rnn: LSTM, GRU and plain recurrent networks of several layers, in one or both directions. The arithmetic of a layer is in rnn_layer.ts. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
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
import { FLOATS } from '../../tensor/dtype.ts'
import { compatibleShapes, formatShape, type Shape } from '../../tensor/shape.ts'
import { GATES, type RnnMode, runLayerBack } from './rnn_layer.ts'
import { drawMask, dropOut, type Given, keptCells, moveDirection, networkOf, runNetwork } from './rnn_network.ts'

const atLeastOne = (count: number): string | null => (count >= 1 ? null : 'a count of 1 or more')
const ATTRS = {
  dropout_prob: attr.float(0, {
    doc: 'Probability of an element between two layers to become zero while training.',
    check: (p) => (p >= 0 && p <= 1 ? null : 'a probability in [0, 1]'),
  }),
  is_bidirec: attr.bool(false, { doc: 'Both directions, their results side by side.' }),
  input_size: attr.int(10, { doc: 'Features of Input, which are read off its shape: has no effect.' }),
  hidden_size: attr.int(100, { doc: 'Features of a state.', check: atLeastOne }),
  num_layers: attr.int(1, { check: atLeastOne }),
  mode: attr.string('RNN_TANH', { check: oneOf('LSTM', 'GRU', 'RNN_TANH', 'RNN_RELU') }),
  seed: attr.int(0, { doc: 'Of the dropout; 0: the generator.' }),
  is_test: attr.bool(false, { doc: 'Inference: no dropout, and DropoutState and Reserve stay unset.' }),
}
type RnnAttrs = FilledAttrs<typeof ATTRS>

const INPUTS = {
  Input: one('[T, B, features]: T steps of B sequences.', FLOATS),
  PreState: many('Start of the state, for LSTM of the cell too: [layers * directions, B, hidden].', FLOATS),
  WeightList: many(
    'For each layer and direction the weights of input and state, [gates * hidden, …]; then for each the two biases.',
    FLOATS,
  ),
  SequenceLength: optional('[B]: steps of each sequence; what is behind its end is 0 in Out.', ['int32']),
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
  require('Input', Input, [-1, -1, -1])
  const [, batch, features] = Input.shape as readonly [number, number, number]
  count('PreState', PreState.length, [mode === 'LSTM' ? 2 : 1])
  for (const state of PreState) require('PreState', state, [cells, batch, hidden_size])
  count('WeightList', WeightList.length, [2 * cells, 4 * cells])
  const wide = GATES[mode] * hidden_size
  WeightList.forEach((weight, i) => {
    if (i >= 2 * cells) require('WeightList', weight, [wide])
    else if (i % 2 === 1) require('WeightList', weight, [wide, hidden_size])
    else require('WeightList', weight, [wide, i < 2 * directions ? features : directions * hidden_size])
  })
  if (SequenceLength !== undefined) require('SequenceLength', SequenceLength, [batch])
}

/** Rows that Paddle keeps for the backward run: gates, cells and results of the inner layers, each row of all directions, steps and sequences. */
function reserveRows({ mode, num_layers }: RnnAttrs): number {
  const extra = mode === 'LSTM' ? 2 : mode === 'GRU' ? 1 : 0
  return (GATES[mode as RnnMode] + extra) * num_layers + num_layers - 1
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
  inferMeta(inputs, attrs) {
    const { Input, PreState, WeightList, DropoutState } = inputs
    checkShapes(inputs, attrs)
    const wide = attrs.hidden_size * (attrs.is_bidirec ? 2 : 1)
    const shape = [Input.shape[0]!, Input.shape[1]!, wide]
    requireShape('rnn_grad', 'Out@GRAD', inputs['Out@GRAD'], shape, 'the shape of Out')
    if (DropoutState !== undefined) requireShape('rnn_grad', 'DropoutState', DropoutState, shape, 'the shape of Out')
    inputs['State@GRAD'].forEach((state, i) => {
      requireShape(
        'rnn_grad',
        'State@GRAD',
        state,
        PreState[Math.min(i, PreState.length - 1)]!.shape,
        'the shape of State',
      )
    })
    if (DropoutState === undefined && drops(attrs)) {
      throw new InvalidArgumentError('E206', 'rnn_grad: DropoutState has no value, but elements were dropped', {
        where: { opType: 'rnn_grad', slot: 'DropoutState' },
      })
    }
    return { 'Input@GRAD': Input, 'PreState@GRAD': PreState, 'WeightList@GRAD': WeightList }
  },
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
