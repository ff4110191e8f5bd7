/** The table of the operators of this folder: random numbers. By Paddle's operator type. */
import type { OpLibrary } from '../../framework/op_def.ts'
import { bernoulli, randint, randperm, seed } from './discrete.ts'
import { gaussianRandom, truncatedGaussianRandom, uniformRandom } from './random.ts'

export const randomOps = {
  bernoulli,
  gaussian_random: gaussianRandom,
  randint,
  randperm,
  seed,
  truncated_gaussian_random: truncatedGaussianRandom,
  uniform_random: uniformRandom,
} satisfies OpLibrary
