/** Declarations of tensors of which some may be absent. */

export interface BoundArray {
  readonly name: string
  readonly type: string
  readonly writes?: boolean
}

/** WGSL declarations in the order of the dispatch: inputs first, then outputs. */
export function declareArrays(arrays: readonly BoundArray[]): string {
  return arrays
    .map(({ name, type, writes }, binding) => {
      const access = writes ? 'read_write' : 'read'
      return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${type}>;`
    })
    .join('\n')
}

/** `weightAt(i)` and the like: the tensor's vector, or a constant where there is no tensor. */
export function optionalVector(name: string, present: boolean, otherwise: string): string {
  return `fn ${name}At(i: u32) -> Vector { return Vector(${present ? `${name}[i]` : otherwise}); }`
}
