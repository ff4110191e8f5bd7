/**
 * Lowerings of operators on images with the channels last: those for channels first, between copies that turn the images. Bits are as with the
 * channels first.
 */
import { isChannelLast } from '../../ops/nn/window.ts'
import { rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import { type Piece, Temporary } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, moveKernel } from './move.ts'

/** [N, sizes…, C] as [N, C, sizes…], and back. */
const toFront = ([batch, ...rest]: Shape): Shape => [batch!, rest.at(-1)!, ...rest.slice(0, -1)]
const toBack = ([batch, channels, ...sizes]: Shape): Shape => [batch!, ...sizes, channels!]

/** @param slots The inputs and outputs that are images. */
export const channelLast =
  (lowering: Lowering, attr: 'data_format' | 'data_layout', ...slots: string[]): Lowering =>
  (op) => {
    if (!isChannelLast(op.attr<string>(attr))) return lowering(op)
    if (!op.isFloat32(...slots)) return undefined
    const [before, after]: [Piece[], Piece[]] = [[], []]
    const [inputs, outputs]: Record<string, Temporary[]>[] = [{}, {}] as const
    for (const slot of slots) {
      const [input, output] = [op.input(slot), op.output(slot)]
      if (input !== undefined) {
        const turned = new Temporary(toFront(input.shape))
        const strides = toFront(rowMajorStrides(input.shape))
        before.push(moveKernel(turned.shape, allOf(turned), { tensor: input, strides }))
        inputs![slot] = [turned]
      }
      if (output !== undefined) {
        const turned = new Temporary(toFront(output.shape))
        const strides = toBack(rowMajorStrides(turned.shape))
        after.push(moveKernel(output.shape, allOf(output), { tensor: turned, strides }))
        outputs![slot] = [turned]
      }
    }
    const pieces = lowering(op.replaced(inputs!, outputs!, { [attr]: 'NCHW' }))
    return pieces && [...before, ...pieces, ...after]
  }
