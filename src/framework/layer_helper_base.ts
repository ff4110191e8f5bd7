/**
 * What everything that appends operators as a layer shares: a name for the layer and names for its temporaries. Parameters are for
 * `layer_helper.ts`. Source: python/paddle/base/layer_helper_base.py (2.6.2).
 */
import type { DType } from '../tensor/dtype.ts'
import type { AppendOpDesc, Block } from './block.ts'
import type { Operator } from './operator.ts'
import { type ProgramPair, requirePrograms } from './program_guard.ts'
import type { Variable } from './variable.ts'

export class LayerHelperBase {
  readonly name: string
  readonly programs: ProgramPair

  /**
   * @param layerType gives the name `<layerType>_<n>`. @param name used instead of it.
   * @throws PreconditionNotMetError E040 outside of `build`, unless `programs` are given.
   */
  constructor(
    layerType: string,
    options: { readonly name?: string | undefined; readonly programs?: ProgramPair } = {},
  ) {
    this.programs = options.programs ?? requirePrograms(layerType)
    this.name = options.name ?? this.programs.main.names.generate(layerType)
  }

  get block(): Block {
    return this.programs.main.currentBlock()
  }

  appendOp(desc: AppendOpDesc): Operator {
    return this.block.appendOp(desc)
  }

  /** A new temporary `<layer>.tmp_<n>`; the operator that writes it gives it its shape. */
  createVariable(dtype: DType = 'float32', options: { readonly stopGradient?: boolean } = {}): Variable {
    const name = this.programs.main.names.generate(`${this.name}.tmp`)
    return this.block.createVar({ name, dtype, stopGradient: options.stopGradient ?? false })
  }
}
