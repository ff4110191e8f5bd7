/** What is measured, by whom, and what is wanted: the catalogue behind `compare.ts` and `docs/performance.md`. */

/** A process that can do works. The name of its file is relative to this folder. */
export interface ContenderSpec {
  readonly title: string
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** From bench/peers. */
  readonly peer?: true
}

const oneThread = { OMP_NUM_THREADS: '1' }
const avx2 = { ...oneThread, MKL_DEBUG_CPU_TYPE: '5' }

export const CONTENDERS = {
  oarlock: { title: 'oarlock', file: 'contenders/oarlock.ts' },
  'oarlock-2': { title: 'oarlock, 2 threads', file: 'contenders/oarlock.ts', args: ['--threads', '2'] },
  'oarlock-ts': {
    title: 'oarlock, TypeScript kernels',
    file: 'contenders/oarlock.ts',
    args: ['--backend', 'ts'],
  },
  limit: { title: 'limit of the machine', file: 'contenders/limits.ts' },
  paddle: { title: 'Paddle', file: 'contenders/paddle_contender.py', env: oneThread },
  'paddle-avx2': { title: 'Paddle, MKL on AVX2', file: 'contenders/paddle_contender.py', env: avx2 },
  'paddle-fused': {
    title: 'Paddle, fused predictor',
    file: 'contenders/paddle_contender.py',
    args: ['--predictor'],
    env: oneThread,
  },
  jax: { title: 'jax-js', file: 'peers/jax.ts', peer: true },
  'tfjs-wasm': { title: 'tfjs-wasm', file: 'peers/tfjs.ts', args: ['--backend', 'wasm'], peer: true },
  'tfjs-cpu': { title: 'tfjs-cpu', file: 'peers/tfjs.ts', args: ['--backend', 'cpu'], peer: true },
  'ort-web': { title: 'onnxruntime-web', file: 'peers/onnxruntime.ts', args: ['--build', 'web'], peer: true },
  'ort-node': { title: 'onnxruntime-node', file: 'peers/onnxruntime.ts', args: ['--build', 'node'], peer: true },
} as const satisfies Readonly<Record<string, ContenderSpec>>

export type ContenderName = keyof typeof CONTENDERS

/** One wanted figure: `ours` against the best of `against`, or against a fixed time. */
export interface Goal {
  readonly ours: ContenderName
  readonly phase?: string
  /** How many times as fast as the best of `against`: at least this. For the limit: the share of it. */
  readonly atLeast?: number
  readonly against?: readonly ContenderName[]
  /** At most so many milliseconds a call. */
  readonly atMostMs?: number
  /** What kept it from being reached, with what shows it; printed only where the figure is missed. */
  readonly why?: string
}

export interface Work {
  readonly name: string
  readonly title: string
  /** What exactly is timed, as a sentence. */
  readonly about: string
  readonly contenders: readonly ContenderName[]
  readonly goals: readonly Goal[]
  /** Milliseconds of a burst. Default 30. */
  readonly ms?: number
  /** Every call is a start from nothing: no warm-up. */
  readonly cold?: true
  /** Rounds. Default: what the command was given. */
  readonly rounds?: number
  /** Floating-point operations of a call, for rates. */
  readonly flop?: number
  /** Bytes that a call moves. */
  readonly bytes?: number
  /** Things that a call does, for times of one of them. */
  readonly things?: { readonly count: number; readonly name: string }
}

const paddles = ['paddle', 'paddle-avx2'] as const
const javascript = ['jax', 'tfjs-wasm', 'tfjs-cpu'] as const

/** What is known of figures that were missed. */
const TILE_LOOP =
  'Measured in one process in turns with the limit, in rounds in which the limit before and behind was within 7 % of its best (median): 76.7 % at 256, 73.0 % at 512, 71.7 % at 1024; before columns were packed in blocks, 512 deep, and rows in order left in place it was 73.9, 69.9 and 66.0 %. Copies alone take 0.3 of 7 ms at 512 and 1.3 of 58 ms at 1024. The loop of a tile alone, both operands in the first-level cache, reaches 83 % as V8 11.3 compiles it, 79 to 82 % with rows of A from the second level, and 75 % in V8 13.6 (Node 24). The machine code of V8, replayed outside of it, takes 4.7 cycles of this processor (EPYC, family 25 model 1) for a step of 8 multiplications and 8 additions, which alone take 4.0. What costs is the order: V8 puts the six loads of a step before its arithmetic. In assembly this takes 4.7 to 5.7 cycles, depending on where the additions of addresses stand, and each load just before its use 4.5 to 4.6 (86 to 89 % of the limit). Shorter addresses and registers of the same instructions change nothing. V8 can be made to keep loads beside their use, by a condition around each step, but then adds instructions and comes to 75 to 79 %. Tiles of 5 × 8, 6 × 8, 2 × 16, 3 × 12, 2 × 12 and 2 × 20, 1 to 12 steps a turn, two panels for each tile of rows, and reading ahead of the next rows of C are slower.'
const TWO_THREADS =
  'The second core is not always there. Right after this run, with nothing else running here, two loops of arithmetic that share nothing, one on each core, did 1.16, 1.93 and 1.93 times the work of one by best times and 1.65, 1.10 and 1.86 times by medians (three runs of 150 rounds in turns with one alone): the cores belong to a host with other guests. In one process in turns with one thread, 120 and 36 rounds at a quieter moment, two threads were 1.85 times as fast on the product at 512 and 1.90 on the training step by best times, 1.57 and 1.47 by the median of rounds, 1.09 to 1.14 in the worst tenth. Parts that threads take as they come, in place of a fixed half each, gave 1.80 and 1.62 by best times, 1.53 and 1.55 by the median, and were left out.'

const gemm = (n: number): Work => ({
  name: `gemm-${n}`,
  title: `Product of two ${n} × ${n} matrices`,
  about:
    'Both operands and the result stay in the memory of the library, but for ONNX Runtime, whose `run` takes and gives arrays. Paddle: `paddle.matmul` in dygraph.',
  // At 1024 one product takes tfjs-cpu two seconds.
  contenders: ['oarlock', 'oarlock-2', 'limit', ...paddles, ...javascript, 'ort-web', 'ort-node'].filter(
    (name) => n < 1024 || name !== 'tfjs-cpu',
  ) as ContenderName[],
  flop: 2 * n ** 3,
  goals: [
    { ours: 'oarlock', against: ['limit'], atLeast: 0.8, why: TILE_LOOP },
    { ours: 'oarlock', against: ['tfjs-wasm'], atLeast: 1.25 },
    { ours: 'oarlock', against: ['ort-web'], atLeast: 1.5 },
    { ours: 'oarlock', against: ['jax'], atLeast: 1.65 },
    ...(n >= 512
      ? [
          {
            ours: 'oarlock-2',
            against: ['oarlock'],
            atLeast: 1.6,
            why: TWO_THREADS,
          } as const,
        ]
      : []),
  ],
})

const mlp = (name: string, title: string, goals: readonly Goal[]): Work => ({
  name,
  title,
  about:
    'Forward, backward and Adam on all parameters; the batch is handed over and the loss read back. Paddle: its static executor.',
  contenders: ['oarlock', 'oarlock-2', 'oarlock-ts', ...paddles, ...javascript],
  goals,
})

/** Stages of making and running a program of many layers. */
export const LAYER_PHASES = ['build', 'minimize', 'startup', 'first step'] as const
const ONE_ROUND = 'Paddle takes 8 to 54 seconds a stage, so it has one round, and the machine changes its speed.'
const WHY_LAYERS: Readonly<Record<(typeof LAYER_PHASES)[number], string>> = {
  build: ONE_ROUND,
  minimize: `${ONE_ROUND} A processor profile of four calls, 2.79 s in all: 22 % collects garbage, since nearly all that is made is kept; of the 1.97 s in minimize itself 39 % makes accumulators (8,000, each of them two variables and an operator), 42 % is backward, 17 % appends the update operators.`,
  startup: ONE_ROUND,
  'first step': `${ONE_ROUND} Since startup is interpreted, V8 has compiled less of the planner when the first step comes, which takes 1.0 to 1.2 times the processor time in a new process and 1.3 to 1.5 times in a process that has done it before; both together took 3.7 s in place of 4.4 s of it in a new process, and about the same as before in the other.`,
}
const layers = (count: number, contenders: readonly ContenderName[], goals: readonly Goal[]): Work => ({
  name: `layers-${count}`,
  title: `${count.toLocaleString('en')} fully connected layers`,
  about: 'Width 8, batch 4, Adam. Each stage from nothing: a new program, a new executor.',
  contenders,
  goals,
  cold: true,
  rounds: count >= 1000 ? 3 : 5,
  things: { count, name: 'layer' },
})

export const WORKS: readonly Work[] = [
  ...[256, 512, 1024].map(gemm),
  mlp('mlp-64-64-10', 'Training step of an MLP 64-64-10, batch 32', [
    { ours: 'oarlock', against: paddles, atLeast: 7 },
    { ours: 'oarlock', against: ['jax'], atLeast: 9 },
    { ours: 'oarlock', against: ['tfjs-wasm'], atLeast: 20 },
  ]),
  mlp('mlp-784-256-10', 'Training step of an MLP 784-256-10, batch 64', [
    { ours: 'oarlock', against: paddles, atLeast: 0.9 },
    { ours: 'oarlock', against: ['jax'], atLeast: 2.5 },
    { ours: 'oarlock', against: ['tfjs-wasm'], atLeast: 10 },
    { ours: 'oarlock-2', against: paddles, atLeast: 1.6 },
  ]),
  {
    name: 'direction-inference',
    title: 'Direction classifier: inference of one line of text',
    about:
      'MobileNetV3 small × 0.35 on 3 × 48 × 192, 32.6 MFLOP; the picture is handed over and the probabilities read back. oarlock: the program after the default passes for inference. ONNX Runtime: the same program translated by `bench/onnx_model.ts`, all its optimizations on.',
    contenders: ['oarlock', 'oarlock-2', 'oarlock-ts', ...paddles, 'paddle-fused', 'ort-web', 'ort-node'],
    flop: 32.6e6,
    goals: [
      { ours: 'oarlock', against: ['paddle-fused'], atLeast: 1.6 },
      { ours: 'oarlock', against: paddles, atLeast: 9 },
      { ours: 'oarlock', against: ['ort-web'], atLeast: 1.8 },
      { ours: 'oarlock', against: ['ort-node'], atLeast: 0.42 },
    ],
  },
  {
    name: 'direction-training',
    title: 'Direction classifier: training step, batch 32',
    about:
      'The program that Paddle made for `test/golden/direction_classifier/train` (806 operators with backward, weight decay and Adam), from the recorded initial values. The other libraries cannot run it: tfjs-wasm has no gradient of a convolution, jax-js no such program, ONNX Runtime no training.',
    contenders: ['oarlock', 'oarlock-2', ...paddles],
    goals: [
      { ours: 'oarlock', against: paddles, atLeast: 5 },
      { ours: 'oarlock-2', against: paddles, atLeast: 8 },
      {
        ours: 'oarlock-2',
        against: ['oarlock'],
        atLeast: 1.6,
        why: TWO_THREADS,
      },
    ],
  },
  layers(100, ['oarlock', 'paddle'], []),
  layers(
    1000,
    ['oarlock', 'paddle'],
    LAYER_PHASES.map((phase) => ({
      ours: 'oarlock',
      phase,
      against: ['paddle'],
      atLeast: 20,
      why: WHY_LAYERS[phase],
    })),
  ),
  layers(10_000, ['oarlock'], []),
  {
    name: 'small-operators',
    title: '10,000 additions on a few floats',
    about:
      'Two chains of `elementwise_add` take turns, one on 4 floats and one on 5: neighbours of different size are not joined to one loop, so each operator remains a call. The time is that of `Executor.run`, with two fetches.',
    contenders: ['oarlock', 'oarlock-ts'],
    things: { count: 10_000, name: 'operator' },
    goals: [{ ours: 'oarlock', atMostMs: 0.1 }],
  },
  {
    name: 'adam-10m',
    title: 'Adam on 10 million parameters',
    about:
      'One `adam` operator: reads parameter, gradient and two moments, writes three of them, 28 bytes a parameter. The limit is the time of a WebAssembly loop that reads and writes the same four arrays with nothing but additions.',
    contenders: ['oarlock', 'oarlock-2', 'limit', 'paddle', ...javascript],
    bytes: 280e6,
    ms: 150,
    goals: [{ ours: 'oarlock', against: ['limit'], atLeast: 0.85 }],
  },
  {
    name: 'oarlock-run',
    title: '`oarlock run` on the digits program',
    about:
      'From the start of the process to the first line of output after the first training step, with the built package; but for the first round an earlier start has kept the command line compiled. The limit is a Node process that does nothing.',
    contenders: ['oarlock', 'limit'],
    cold: true,
    rounds: 10,
    goals: [
      {
        ours: 'oarlock',
        phase: 'first output',
        atMostMs: 300,
        why: 'Measured in turns with a build that kept nothing, 20 starts each: best 214 ms and median 306, before 404 and 532; a Node process that does nothing took 92 and 133 of it. Without what an earlier start kept it is 365 and 493, before 432 and 565 (10 starts each). A processor profile of one start, 361 ms in all: 66 ms the plan and first run of main (of which 36 ms write WebAssembly), 36 ms reading the programs, 32 ms taking in the compiled script, 28 ms startup, 26 ms collecting garbage.',
      },
    ],
  },
]

/** What a page may load of the package. */
export interface Bundle {
  readonly title: string
  /** What the page imports from: `oarlock`, or an entry point of it. Default: the first. */
  readonly entry?: 'ir'
  /** Names that the page imports; undefined: all of them. */
  readonly names?: readonly string[]
  /** Wanted, in bytes gzipped. */
  readonly atMost?: number
  /** What it is made of, for the page when it is too much. */
  readonly why?: string
}

export const BUNDLES: readonly Bundle[] = [
  {
    title: 'Runtime, code generator and table of operators',
    names: ['Executor', 'Program', 'Scope', 'Tensor'],
    atMost: 200_000,
    why: 'Taken away one by one: operators 98 KB (503 types), code generator 60 KB, programs and their files 32 KB, tensors 12 KB, executor 11 KB, passes 8 KB. Of the operators 42 KB are their TypeScript kernels, without which it would be 180 KB; float64, integers and operators without a lowering run by them, so that no page can leave them out. Documentation of operators, 26 KB more, is left out of bundles for production.',
  },
  { title: '`oarlock/ir`: programs without kernels', entry: 'ir', atMost: 40_000 },
  { title: 'Everything' },
]
