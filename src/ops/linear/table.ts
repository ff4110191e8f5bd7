/** The table of the operators of this folder: linear algebra. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { determinant, determinantGrad, inverse, inverseGrad, slogdeterminant, slogdeterminantGrad } from './inverse.ts'
import { matrixPower, matrixPowerGrad } from './matrix_power.ts'
import { multiDot, multiDotGrad } from './multi_dot.ts'
import { solve, solveGrad, triangularSolve, triangularSolveGrad } from './solve.ts'

export const linearOps = {
  determinant,
  determinant_grad: determinantGrad,
  inverse,
  inverse_grad: inverseGrad,
  matrix_power: matrixPower,
  matrix_power_grad: matrixPowerGrad,
  multi_dot: multiDot,
  multi_dot_grad: multiDotGrad,
  slogdeterminant,
  slogdeterminant_grad: slogdeterminantGrad,
  solve,
  solve_grad: solveGrad,
  triangular_solve: triangularSolve,
  triangular_solve_grad: triangularSolveGrad,
} satisfies OpLibrary
