/** Layers, their functional forms and initializers. */
export { initializer } from '../framework/initializer.ts'
export { ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue } from '../optimizer/clip.ts'
export * as functional from './functional.ts'
export { Dropout, Layer, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh } from './layer.ts'
