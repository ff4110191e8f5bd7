/** Compiled convolutions and their gradients at the edges of their routes; random shapes are in lowerings.test.ts. */
import { describe, expect, test } from 'vitest'
import { convolutionCase, EDGES } from './cases/convolution.ts'
import { faultsOf, Random } from './lowering_case.ts'

describe.each(EDGES)('%s', (_, shapes) => {
  const type = (shapes.groups ?? 1) > 1 ? 'depthwise_conv2d' : 'conv2d'

  test('forward', () => {
    expect(faultsOf(type, convolutionCase(new Random(1), shapes, false))).toEqual([])
  })

  test('gradients', () => {
    expect(faultsOf(`${type}_grad`, convolutionCase(new Random(2), shapes, true))).toEqual([])
  })
})
