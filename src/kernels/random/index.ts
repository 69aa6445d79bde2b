export { type DropoutOptions, dropout } from './dropout.js'
export {
  type BernoulliOptions,
  bernoulli,
  type NormalOptions,
  type RandomOptions,
  randomNormal,
  randomUniform,
  randomWords,
  type TruncatedNormalOptions,
  truncatedNormal,
  type UniformOptions,
} from './fill.js'
export { randomPermutation } from './host.js'
