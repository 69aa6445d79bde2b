/** The parameters of an architecture by name and shape, without a device and without values. */
import { sizeOf } from '../../engine/index.js'
import { type Parameter, ParameterScope } from '../layers/parameter.js'
import type { ColipriConfig } from './config.js'
import { ImageEncoder } from './image-encoder.js'
import { TextEncoder } from './text-encoder.js'

/** Where the towers keep their parameters in a checkpoint. */
export function declareTowers(parameters: ParameterScope, config: ColipriConfig) {
  return {
    image: new ImageEncoder(parameters.at('image_encoder'), config),
    text: new TextEncoder(parameters.at('text_encoder'), config),
  }
}

/** Every tensor of the checkpoint that an architecture loads. Asking one for its value throws. */
export function colipriParameters(config: ColipriConfig): readonly Parameter[] {
  const parameters = new ParameterScope(undefined)
  declareTowers(parameters, config)
  return [...parameters.parameters.values()]
}

/** Elements of a checkpoint: 258,367,104 as published. */
export function countColipriElements(config: ColipriConfig): number {
  return colipriParameters(config).reduce((sum, { declaration }) => sum + sizeOf(declaration.shape), 0)
}
