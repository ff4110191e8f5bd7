/**
 * One direction of one recurrent layer over a batch of sequences: forward with everything that the backward walk needs, and that walk.
 * All arrays are float64; time runs over [T, B, …], gates lie side by side: i f g o for LSTM, r z c for GRU.
 */
import { type Matrix, matmul, transposed } from '../../tensor/matmul.ts'

export type RnnMode = 'LSTM' | 'GRU' | 'RNN_TANH' | 'RNN_RELU'
export const GATES: Readonly<Record<RnnMode, number>> = { LSTM: 4, GRU: 3, RNN_TANH: 1, RNN_RELU: 1 }

export interface LayerSizes {
  readonly mode: RnnMode
  readonly time: number
  readonly batch: number
  /** Features of the layer's input. */
  readonly width: number
  readonly hidden: number
  /** True if time runs from the last step to the first. */
  readonly reverse: boolean
  /** Steps of each sequence; undefined: all. */
  readonly lengths: ArrayLike<number> | undefined
}

type Numbers = ArrayLike<number>
export interface LayerWeights {
  /** [gates * hidden, width] and [gates * hidden, hidden]. */
  readonly input: Float64Array
  readonly state: Float64Array
  /** [gates * hidden], or undefined without bias. */
  readonly inputBias: Numbers | undefined
  readonly stateBias: Numbers | undefined
}

/** What a forward run leaves. */
export interface LayerTrace {
  /** [T, B, width]. */
  readonly x: Float64Array
  /** [T, B, gates * hidden]: gates after their activation; of RNN_TANH and RNN_RELU before. */
  readonly gates: Float64Array
  /** [T, B, hidden]: LSTM the cell; GRU the state's share of the candidate, before the reset gate. */
  readonly cells: Float64Array
  /** [T, B, hidden]: state and cell that each step started from. */
  readonly before: Float64Array
  readonly cellsBefore: Float64Array
  /** [T, B, hidden]: result of each step, 0 behind the end of a sequence. */
  readonly out: Float64Array
  /** [B, hidden] after the last step. */
  readonly state: Float64Array
  readonly cell: Float64Array
}

const rows = (data: Float64Array, columns: number, offset = 0): Matrix => ({ data, offset, row: columns, col: 1 })
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** @param state [B, hidden] and, for LSTM, `cell` [B, hidden] to start from. */
export function runLayer(
  sizes: LayerSizes,
  x: Float64Array,
  weights: LayerWeights,
  state: Float64Array,
  cell: Float64Array,
): LayerTrace {
  const { mode, time, batch, width, hidden, reverse, lengths } = sizes
  const wide = GATES[mode] * hidden
  const gates = new Float64Array(time * batch * wide)
  matmul(time * batch, wide, width, rows(x, width), transposed(rows(weights.input, width)), gates)
  const trace: LayerTrace = {
    x,
    gates,
    cells: new Float64Array(time * batch * hidden),
    before: new Float64Array(time * batch * hidden),
    cellsBefore: new Float64Array(time * batch * hidden),
    out: new Float64Array(time * batch * hidden),
    state: state.slice(),
    cell: cell.slice(),
  }
  const shares = new Float64Array(batch * wide)
  for (let step = 0; step < time; step++) {
    const t = reverse ? time - 1 - step : step
    trace.before.set(trace.state, t * batch * hidden)
    if (mode === 'LSTM') trace.cellsBefore.set(trace.cell, t * batch * hidden)
    matmul(batch, wide, hidden, rows(trace.state, hidden), transposed(rows(weights.state, hidden)), shares)
    for (let b = 0; b < batch; b++) {
      const at = (t * batch + b) * wide
      for (let k = 0; k < wide; k++) {
        gates[at + k] = gates[at + k]! + (weights.inputBias === undefined ? 0 : weights.inputBias[k]!)
        shares[b * wide + k] = shares[b * wide + k]! + (weights.stateBias === undefined ? 0 : weights.stateBias[k]!)
      }
      const inside = lengths === undefined || t < lengths[b]!
      for (let k = 0; k < hidden; k++) {
        const i = (t * batch + b) * hidden + k
        const s = b * hidden + k
        const value = stepForward(mode, hidden, trace, at + k, shares, b * wide + k, i)
        if (!inside) continue
        trace.out[i] = value
        trace.state[s] = value
        if (mode === 'LSTM') trace.cell[s] = trace.cells[i]!
      }
    }
  }
  return trace
}

/** Finishes the gates of one element and gives its new state. */
function stepForward(
  mode: RnnMode,
  hidden: number,
  { gates, cells, before, cellsBefore }: LayerTrace,
  g: number,
  shares: Float64Array,
  s: number,
  i: number,
): number {
  if (mode === 'LSTM') {
    const input = sigmoid(gates[g]! + shares[s]!)
    const forget = sigmoid(gates[g + hidden]! + shares[s + hidden]!)
    const candidate = Math.tanh(gates[g + 2 * hidden]! + shares[s + 2 * hidden]!)
    const output = sigmoid(gates[g + 3 * hidden]! + shares[s + 3 * hidden]!)
    gates[g] = input
    gates[g + hidden] = forget
    gates[g + 2 * hidden] = candidate
    gates[g + 3 * hidden] = output
    cells[i] = forget * cellsBefore[i]! + input * candidate
    return output * Math.tanh(cells[i]!)
  }
  if (mode === 'GRU') {
    const reset = sigmoid(gates[g]! + shares[s]!)
    const update = sigmoid(gates[g + hidden]! + shares[s + hidden]!)
    cells[i] = shares[s + 2 * hidden]!
    const candidate = Math.tanh(gates[g + 2 * hidden]! + reset * cells[i]!)
    gates[g] = reset
    gates[g + hidden] = update
    gates[g + 2 * hidden] = candidate
    return update * before[i]! + (1 - update) * candidate
  }
  gates[g] = gates[g]! + shares[s]!
  return mode === 'RNN_TANH' ? Math.tanh(gates[g]!) : Math.max(gates[g]!, 0)
}

export interface LayerGradient {
  /** [T, B, width]. */
  readonly x: Float64Array
  readonly input: Float64Array
  readonly state: Float64Array
  readonly inputBias: Float64Array
  readonly stateBias: Float64Array
  /** [B, hidden]: of the state and the cell at the start. */
  readonly before: Float64Array
  readonly cellBefore: Float64Array
}

/** @param dout [T, B, hidden]. @param dstate and `dcell` [B, hidden]: gradients of state and cell after the last step. */
export function runLayerBack(
  sizes: LayerSizes,
  weights: LayerWeights,
  trace: LayerTrace,
  dout: Float64Array,
  dstate: Float64Array,
  dcell: Float64Array,
): LayerGradient {
  const { mode, time, batch, width, hidden, reverse, lengths } = sizes
  const wide = GATES[mode] * hidden
  const count = time * batch
  const dgates = new Float64Array(count * wide)
  // Only in GRU do the gates take the state in another way than the input.
  const dshares = mode === 'GRU' ? new Float64Array(count * wide) : dgates
  const before = dstate.slice()
  const cellBefore = dcell.slice()
  const through = new Float64Array(batch * hidden)
  for (let step = time - 1; step >= 0; step--) {
    const t = reverse ? time - 1 - step : step
    through.fill(0)
    for (let b = 0; b < batch; b++) {
      if (lengths !== undefined && t >= lengths[b]!) continue
      const at = (t * batch + b) * wide
      for (let k = 0; k < hidden; k++) {
        const i = (t * batch + b) * hidden + k
        const s = b * hidden + k
        const dh = before[s]! + dout[i]!
        before[s] = 0
        stepBack(mode, hidden, trace, at + k, i, dh, s, cellBefore, dgates, dshares, before)
      }
    }
    // Steps behind the end of a sequence have no gate gradients, so nothing is added for them.
    matmul(batch, hidden, wide, rows(dshares, wide, t * batch * wide), rows(weights.state, hidden), through)
    for (let s = 0; s < before.length; s++) before[s] = before[s]! + through[s]!
  }
  const gradient: LayerGradient = {
    x: new Float64Array(count * width),
    input: new Float64Array(wide * width),
    state: new Float64Array(wide * hidden),
    inputBias: new Float64Array(wide),
    stateBias: new Float64Array(wide),
    before,
    cellBefore,
  }
  matmul(count, width, wide, rows(dgates, wide), rows(weights.input, width), gradient.x)
  matmul(wide, width, count, transposed(rows(dgates, wide)), rows(trace.x, width), gradient.input)
  matmul(wide, hidden, count, transposed(rows(dshares, wide)), rows(trace.before, hidden), gradient.state)
  for (let r = 0; r < count; r++) {
    for (let k = 0; k < wide; k++) {
      gradient.inputBias[k] = gradient.inputBias[k]! + dgates[r * wide + k]!
      gradient.stateBias[k] = gradient.stateBias[k]! + dshares[r * wide + k]!
    }
  }
  return gradient
}

/** Gate gradients of one element for a gradient `dh` of its new state; adds what reaches the old state and cell past the gates. */
function stepBack(
  mode: RnnMode,
  hidden: number,
  { gates, cells, before, cellsBefore }: LayerTrace,
  g: number,
  i: number,
  dh: number,
  s: number,
  dcell: Float64Array,
  dgates: Float64Array,
  dshares: Float64Array,
  dbefore: Float64Array,
): void {
  if (mode === 'LSTM') {
    const [input, forget] = [gates[g]!, gates[g + hidden]!]
    const [candidate, output] = [gates[g + 2 * hidden]!, gates[g + 3 * hidden]!]
    const active = Math.tanh(cells[i]!)
    const dc = dcell[s]! + dh * output * (1 - active * active)
    dgates[g] = dc * candidate * input * (1 - input)
    dgates[g + hidden] = dc * cellsBefore[i]! * forget * (1 - forget)
    dgates[g + 2 * hidden] = dc * input * (1 - candidate * candidate)
    dgates[g + 3 * hidden] = dh * active * output * (1 - output)
    dcell[s] = dc * forget
    return
  }
  if (mode === 'GRU') {
    const [reset, update, candidate] = [gates[g]!, gates[g + hidden]!, gates[g + 2 * hidden]!]
    const dcandidate = dh * (1 - update) * (1 - candidate * candidate)
    dgates[g] = dcandidate * cells[i]! * reset * (1 - reset)
    dgates[g + hidden] = dh * (before[i]! - candidate) * update * (1 - update)
    dgates[g + 2 * hidden] = dcandidate
    dshares[g] = dgates[g]!
    dshares[g + hidden] = dgates[g + hidden]!
    dshares[g + 2 * hidden] = dcandidate * reset
    dbefore[s] = dh * update
    return
  }
  if (mode === 'RNN_TANH') {
    const active = Math.tanh(gates[g]!)
    dgates[g] = dh * (1 - active * active)
  } else dgates[g] = gates[g]! > 0 ? dh : 0
}
