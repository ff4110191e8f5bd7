/** Layers, their functional forms and initializers. */
export { initializer } from '../framework/initializer.ts'
export { ClipGradByGlobalNorm, ClipGradByNorm, ClipGradByValue, ErrorClipByValue } from '../optimizer/clip.ts'
export * as functional from './functional.ts'
export { AdaptiveAvgPool2D, AvgPool2D, Conv2D, Flatten, MaxPool2D } from './image_layers.ts'
export { Dropout, Hardsigmoid, Hardswish, Layer, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh } from './layer.ts'
export { BatchNorm2D, LayerNorm } from './norm_layers.ts'
