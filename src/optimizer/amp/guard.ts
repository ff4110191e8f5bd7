/** Marks operators for O2 with a guard. Source: python/paddle/static/amp/fp16_utils.py, fp16_guard (2.6.2). */
import { requirePrograms } from '../../framework/program_guard.ts'
import { GUARD } from './divide.ts'

/**
 * Operators appended inside `body` compute in the half type when the program is minimized with O2 and a guard; all others stay float32.
 * @throws PreconditionNotMetError E040 outside of `build`.
 */
export const fp16Guard = <T>(body: () => T): T => requirePrograms('fp16Guard').main.withNameScope(GUARD, body)
