/** Small programs that the tests of the command line run. */
import { build, input, nn, type Program } from '../../src/index.ts'

export interface Model {
  readonly main: Program
  readonly startup: Program
  readonly test: Program
  readonly loss: string
  readonly accuracy: string
}

/** features -> 8 relu -> classes, softmax cross entropy and accuracy. */
export function classifier(features: number, classes: number, seed = 7): Model {
  const { main, startup, out } = build(
    () => {
      const x = input('x', [null, features])
      const y = input('y', [null, 1], 'int64')
      const logits = nn.functional.fc(nn.functional.fc(x, 16, { activation: 'relu' }), classes)
      const loss = nn.functional.softmaxWithCrossEntropy(logits, y).mean()
      const accuracy = nn.functional.accuracy(nn.functional.softmax(logits), y)
      return { loss: loss.name, accuracy: accuracy.name }
    },
    { seed },
  )
  return { main, startup, test: main.clone({ forTest: true }), ...out }
}

/** loss = mean((x w + b - y)^2). */
export function regression(): { main: Program; startup: Program; loss: string; out: string } {
  const { main, startup, out } = build(() => {
    const x = input('x', [null, 2])
    const y = input('y', [null, 1])
    const predicted = nn.functional.fc(x, 1)
    return { loss: nn.functional.squareErrorCost(predicted, y).mean().name, out: predicted.name }
  })
  return { main, startup, ...out }
}
