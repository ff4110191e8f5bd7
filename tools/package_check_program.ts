/** What the package check has its consumers do: a small network that trains, as a user would write it. Copied into their projects. */
import { build, EnforceError, Executor, input, nn, optimizer, seed, type Tensor, tensor } from 'oarlock'
import { Program as IrProgram, verify } from 'oarlock/ir'

/** Trains XOR as a program, and the same in dygraph; returns the losses of both. */
export function train(steps: number): { program: number[]; dygraph: number[] } {
  const x = new Float32Array([0, 0, 0, 1, 1, 0, 1, 1])
  const y = new Float32Array([0, 1, 1, 0])
  const { main, startup, out } = build(() => {
    const hidden = nn.functional.fc(input('x', [null, 2]), 8, { activation: 'tanh' })
    const loss = nn.functional.squareErrorCost(nn.functional.fc(hidden, 1), input('y', [null, 1])).mean()
    new optimizer.Adam({ learningRate: 0.05 }).minimize(loss)
    return loss
  })
  const executor = new Executor()
  seed(1)
  executor.run(startup)
  const program = Array.from({ length: steps }, () => {
    const [loss] = executor.run(main, { feed: { x, y }, fetch: [out] }) as [Tensor]
    return loss.item() as number
  })

  const layers = [new nn.Linear(2, 8), new nn.Linear(8, 1)] as const
  const adam = new optimizer.Adam({
    learningRate: 0.05,
    parameters: layers.flatMap((layer) => layer.parameters()),
  })
  const rows = tensor(x, 'float32', [4, 2])
  const targets = tensor(y, 'float32', [4, 1])
  const dygraph = Array.from({ length: steps }, () => {
    const predicted = layers[1].forward(nn.functional.tanh(layers[0].forward(rows)))
    const loss = nn.functional.squareErrorCost(predicted, targets).mean()
    loss.backward()
    adam.step()
    adam.clearGrad()
    return loss.item() as number
  })

  try {
    executor.run(main, { feed: { x } })
  } catch (error) {
    if (!(error instanceof EnforceError) || error.code !== 'E110') throw error
  }
  // @ts-expect-error a learning rate is no text
  const wrong = (): unknown => new optimizer.Adam({ learningRate: 'fast' })
  void wrong
  if (verify(IrProgram.from(main.toProto())).length > 0) throw new Error('oarlock/ir finds faults in a sound program')
  return { program, dygraph }
}

/** @throws Error if a network did not learn. */
export function check({ program, dygraph }: ReturnType<typeof train>): string {
  for (const [what, losses] of Object.entries({ program, dygraph })) {
    if (!(losses.at(-1)! < 0.05)) throw new Error(`the ${what} did not learn: ${losses[0]} to ${losses.at(-1)}`)
  }
  return `learned: ${program[0]!.toFixed(3)} to ${program.at(-1)!.toFixed(5)}`
}
