/**
 * Error clips: gradients cut where they are made. Programs and training are compared with Paddle in test/golden_programs.test.ts
 * (variant_error_clip, variant_error_clip_fan); here is what these recordings do not reach.
 */
import { expect, test } from 'vitest'
import { appendBackward, build, Executor, input, nn, optimizer, type Tensor, tensor } from '../../src/index.ts'

const X = tensor([[1, -2, 3]])

function net(clip?: { min: number; max: number }) {
  return build(() => {
    const x = input('x', [null, 3])
    const hidden = nn.functional.fc(x, 4, { activation: 'tanh' })
    if (clip !== undefined) hidden.errorClip = clip
    return { hidden, loss: nn.functional.fc(hidden, 2).sum() }
  })
}

test('the gradient is that of the same net, cut, and what flows on from it is computed from the cut one', () => {
  const plain = net()
  const cut = net(nn.ErrorClipByValue(0.3, -0.1))
  const gradients = [plain, cut].map(({ main, startup, out }) => {
    new optimizer.SGD({ learningRate: 0 }).minimize(out.loss, { startup })
    const executor = new Executor({ seed: 5 })
    executor.run(startup)
    const names = [`${out.hidden.name}@GRAD`, 'fc_0.b_0@GRAD', out.hidden.name]
    return (executor.run(main, { feed: { x: X }, fetch: names }) as Tensor[]).map(({ data }) => [
      ...(data as Float32Array),
    ])
  })
  const [[hidden], [cutHidden, cutBias, tanh]] = gradients as [number[][], number[][]]
  expect(
    hidden!.some((value) => value > 0.3 || value < -0.1),
    'there is something to cut',
  ).toBe(true)
  expect(cutHidden).toEqual(hidden!.map((value) => Math.fround(Math.min(0.3, Math.max(-0.1, value)))))
  for (const [i, value] of cutBias!.entries()) expect(value).toBeCloseTo(cutHidden![i]! * (1 - tanh![i]! ** 2), 6)
})

test('max alone stands for -max to max; appendBackward on its own does not cut, as in Paddle', () => {
  expect(nn.ErrorClipByValue(0.5)).toEqual({ min: -0.5, max: 0.5 })
  const { main, out } = net(nn.ErrorClipByValue(0.5))
  appendBackward(out.loss)
  expect(main.globalBlock().ops.some(({ type }) => type === 'clip')).toBe(false)
})

test('a test program that is cloned after minimize runs: the clips are not left behind', () => {
  const { main, startup, out } = net(nn.ErrorClipByValue(0.3))
  new optimizer.Adam().minimize(out.loss, { startup })
  const forward = main.clone({ forTest: true })
  expect(forward.globalBlock().ops.map(({ type }) => type)).not.toContain('clip')
  const executor = new Executor({ seed: 5 })
  executor.run(startup)
  expect(executor.run(forward, { feed: { x: X }, fetch: [out.loss.name] })).toHaveLength(1)
})
