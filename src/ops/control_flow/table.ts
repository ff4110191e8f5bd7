/** The operators of this folder, by Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { conditionalBlock } from './conditional_block.ts'
import { selectInput } from './select_input.ts'
import { whileOp } from './while.ts'

export const controlFlowOps = {
  conditional_block: conditionalBlock,
  select_input: selectInput,
  while: whileOp,
} satisfies OpLibrary
