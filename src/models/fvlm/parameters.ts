/** The parameters of an architecture by name and shape, without a device and without values. */
import { type Parameter, ParameterScope } from '../layers/parameter.js'
import type { FvlmConfig } from './config.js'
import { OrganPooling } from './organ-pooling.js'
import { TextEncoder } from './text-encoder.js'
import { VisionEncoder } from './vision-encoder.js'

/** The parts of the model, under the names of the published checkpoint. */
export function declareParts(parameters: ParameterScope, config: FvlmConfig) {
  return {
    temperature: parameters.declare('temp', { shape: [], initial: { kind: 'constant', value: 0.07 } }),
    vision: new VisionEncoder(parameters.at('visual_encoder'), config),
    pooling: new OrganPooling(parameters, config),
    text: new TextEncoder(parameters, config),
  }
}

/** Every tensor of the checkpoint that an architecture loads. Asking one for its value throws. */
export function fvlmParameters(config: FvlmConfig): readonly Parameter[] {
  const parameters = new ParameterScope(undefined)
  declareParts(parameters, config)
  return [...parameters.parameters.values()]
}
