/**
 * Many tensors in one dispatch. A step of an optimizer touches hundreds of tensors, most of them so small that launching a
 * kernel for each costs more than the arithmetic: so each dispatch gets as many as the adapter has bindings for.
 */

import type { Device } from '../../engine/device.js'
import { dispatch } from '../../engine/dispatch.js'
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineKernel, type Kernel, type TensorWindow } from '../../engine/kernel.js'
import { maxParameterBytes } from '../../engine/recorder.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import { vectorGroups, vectorsOf } from './update.js'

/** Tensors that are updated together element by element, and the numbers that belong to them. */
export interface BatchMember<Field extends string> {
  /** f32 tensors of one shape, in the order of the description's names. */
  readonly read: readonly Tensor[]
  readonly written: readonly Tensor[]
  readonly numbers: Readonly<Record<Field, number>>
}

export interface BatchDescription<Field extends string> {
  /** For error messages and profiles. */
  readonly name: string
  /** Names of the values in the WGSL function `advance`: those that are only read, then those that are written. */
  readonly read: readonly string[]
  readonly written: readonly string[]
  /** f32 fields of the struct `Member`. */
  readonly numbers: readonly Field[]
  /**
   * WGSL with `fn advance(own: Member, READ..., WRITTEN...) -> Written`, all values `vec4<f32>`. The structs are
   * generated; `Written` has a field for each name that is written.
   */
  readonly wgsl: string
  /** Floating-point operations per element. */
  readonly flops: number
}

/** A part of a member that fits in one binding. */
interface Part<Field extends string> {
  readonly count: number
  readonly read: readonly (Tensor | TensorWindow)[]
  readonly written: readonly (Tensor | TensorWindow)[]
  readonly numbers: Readonly<Record<Field, number>>
}

export interface BatchKernel<Field extends string> {
  readonly description: BatchDescription<Field>
  readonly kernel: Kernel<readonly Part<Field>[]>
}

/** Fields of a member's record: where its workgroups begin, its vectors, its numbers; whole vectors of four. */
const recordFields = ({ numbers }: BatchDescription<string>): number => Math.ceil((2 + numbers.length) / 4) * 4

export function defineBatchKernel<Field extends string>(description: BatchDescription<Field>): BatchKernel<Field> {
  const kernel = defineKernel<readonly Part<Field>[]>({
    name: description.name,
    variants: [
      {
        name: 'portable',
        wgsl: description.wgsl,
        specialize: (parts) => ({ code: batchCode(description, parts.length) }),
        key: (parts) => `|${parts.length}`,
        parameters: (writer, parts) => {
          let firstGroup = 0
          for (const { count, numbers } of parts) {
            writer.u32(firstGroup).u32(vectorsOf(count))
            for (const name of description.numbers) writer.f32(numbers[name])
            for (let n = 2 + description.numbers.length; n < recordFields(description); n++) writer.u32(0)
            firstGroup += vectorGroups({ count })
          }
        },
        workgroups: (parts) => parts.reduce((sum, part) => sum + vectorGroups(part), 0),
      },
    ],
  })
  return { description, kernel }
}

/** Updates all members in place, in as few dispatches as the adapter's bindings allow; the tape notices the change. */
export function runBatch<Field extends string>(
  { description, kernel }: BatchKernel<Field>,
  members: readonly BatchMember<Field>[],
): void {
  const { name, read, written, flops } = description
  const parts: Part<Field>[] = []
  let elements = 0
  for (const member of members) {
    const [first] = member.written as readonly [Tensor]
    checkMember(name, member)
    elements += first.size
    for (const tensor of member.written) tensor.storage.version++
    for (const { count, of } of elementWindows(first.size, 4, first.device.capabilities.maxBindingBytes)) {
      if (count > 0)
        parts.push({ count, read: member.read.map(of), written: member.written.map(of), numbers: member.numbers })
    }
  }
  if (parts.length === 0) return
  const { device } = members[0]!.written[0]!
  device.recorder.enter(name, members[0]!.written)
  device.recorder.timer?.enter(name, {
    flops: flops * elements,
    bytes: 4 * elements * (read.length + 2 * written.length),
  })
  const size = membersPerDispatch(description, device)
  for (let n = 0; n < parts.length; n += size) {
    const problem = parts.slice(n, n + size)
    const [inputs, outputs] = [problem.flatMap((part) => part.read), problem.flatMap((part) => part.written)]
    dispatch(device, { kernel, problem, inputs, outputs })
  }
}

/** As many as there are bindings and room for parameters. */
function membersPerDispatch(description: BatchDescription<string>, { capabilities }: Device): number {
  const bindings = description.read.length + description.written.length
  const byBindings = Math.floor(capabilities.maxStorageBuffersPerStage / bindings)
  return Math.max(1, Math.min(byBindings, Math.floor(maxParameterBytes / 4 / recordFields(description))))
}

function checkMember(name: string, { read, written }: BatchMember<string>): void {
  const tensors = [...read, ...written]
  checkDType(name, ['f32'], ...tensors)
  if (!tensors.every(({ shape }) => sameShape(shape, written[0]!.shape))) {
    throw new ShapeError(`${name}: shapes ${tensors.map(({ shape }) => formatShape(shape)).join(', ')} differ`)
  }
}

/** Structs, bindings, and a main function that gives each workgroup 1,024 elements of one member. */
function batchCode(description: BatchDescription<string>, members: number): string {
  const { read, written, numbers } = description
  const all = Array.from({ length: members }, (_, n) => n)
  const bindings = [
    ...all.flatMap((n) => read.map((name) => `var<storage, read> ${name}${n}`)),
    ...all.flatMap((n) => written.map((name) => `var<storage, read_write> ${name}${n}`)),
  ].map((variable, n) => `@group(0) @binding(${n}) ${variable}: array<vec4<f32>>;`)
  const cases = all.map((n) => {
    const values = [...read, ...written].map((name) => `${name}${n}[i]`).join(', ')
    const stores = written.map((name) => `${name}${n}[i] = next.${name};`).join(' ')
    return `    case ${n}u: { let next = advance(own, ${values}); ${stores} }`
  })
  const pads = Array.from({ length: recordFields(description) - 2 - numbers.length }, (_, n) => ` pad${n}: u32,`)
  return `struct Member { firstGroup: u32, vectors: u32,${numbers.map((name) => ` ${name}: f32,`).join('')}${pads.join('')} }
struct Written { ${written.map((name) => `${name}: vec4<f32>,`).join(' ')} }
struct Params { members: array<Member, ${members}>, }
${bindings.join('\n')}
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = group.y * groups.x + group.x;
  var member = 0u;
  for (var n = 1u; n < ${members}u; n++) {
    if (flat >= params.members[n].firstGroup) { member = n; }
  }
  let own = params.members[member];
  let i = (flat - own.firstGroup) * 256u + lane;
  if (i >= own.vectors) { return; }
  switch member {
${cases.join('\n')}
    default: {}
  }
}`
}
