/** What an optimizer trains: a parameter of a program, or one of dygraph. */
import type { Parameter } from '../framework/variable.ts'
import type { ParameterTensor } from '../tensor/parameter_tensor.ts'

export type OptimizedParameter = Parameter | ParameterTensor
