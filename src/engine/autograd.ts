/**
 * The tape: which operation made a tensor, from what, and how to go back.
 *
 * Nodes are reference counted by the tensors and later nodes that hang on them, so that the values saved for a branch
 * nobody holds any more are freed at once.
 */
import { accumulate, castGradient } from './accumulate.js'
import { ShapeError, VoxgradError } from './errors.js'
import { recordDraws, replayDraws } from './random.js'
import { adopt, keep, scope } from './scope.js'
import { formatShape, sameShape } from './shape.js'
import { type Tensor, type TensorSpec, tensor, zeros } from './tensor.js'

/** Where a gradient goes: to the node that made an input, or to a leaf. */
export type InputEdge = { readonly node: Node; readonly output: number } | { readonly leaf: Tensor }

type BackwardFunction = (grads: readonly Tensor[], saved: readonly Tensor[]) => readonly (Tensor | undefined)[]

let recording = true
let nodeCount = 0

/** Whether operations are noted on the tape now. */
export function isRecording(): boolean {
  return recording
}

/** Runs `fn` without the tape: nothing is saved, and results have no gradient. */
export function noGrad<T>(fn: () => T): T {
  return withRecording(false, fn)
}

function withRecording<T>(value: boolean, fn: () => T): T {
  const outer = recording
  recording = value
  try {
    return fn()
  } finally {
    recording = outer
  }
}

/** The edge of an input, undefined when it wants no gradient. */
export function edgeTo(input: Tensor): InputEdge | undefined {
  if (input.node) return { node: input.node, output: input.nodeOutput }
  return input.requiresGrad ? { leaf: input } : undefined
}

/** One recorded operation. */
export class Node {
  readonly id = nodeCount++
  readonly name: string
  readonly edges: readonly (InputEdge | undefined)[]
  readonly outputs: readonly TensorSpec[]
  readonly #saved: Tensor[]
  readonly #versions: number[]
  readonly #backward: BackwardFunction
  #references: number
  #consumed = false

  constructor(
    name: string,
    edges: readonly (InputEdge | undefined)[],
    outputs: readonly Tensor[],
    saved: readonly Tensor[],
    backward: BackwardFunction,
  ) {
    this.name = name
    this.edges = edges
    this.outputs = outputs.map(({ shape, dtype }) => ({ shape, dtype }))
    this.#saved = saved.map((value) => keep(value.alias()))
    this.#versions = this.#saved.map((value) => value.storage.version)
    this.#backward = backward
    this.#references = outputs.length
    for (const edge of edges) if (edge && 'node' in edge) edge.node.retain()
  }

  retain(): void {
    this.#references++
  }

  release(): void {
    if (--this.#references > 0) return
    this.consume()
    for (const edge of this.edges) if (edge && 'node' in edge) edge.node.release()
  }

  /** Frees what was saved; the node can not go back again. */
  consume(): void {
    this.#consumed = true
    for (const value of this.#saved.splice(0)) value.dispose()
  }

  backward(grads: readonly Tensor[]): readonly (Tensor | undefined)[] {
    if (this.#consumed) {
      throw new VoxgradError(
        `backward: the graph through ${this.name} was freed by an earlier backward(); pass retainGraph`,
      )
    }
    for (const [i, value] of this.#saved.entries()) {
      if (value.storage.version !== this.#versions[i]) {
        throw new VoxgradError(
          `backward: a value that ${this.name} saved was overwritten in place since the forward pass`,
        )
      }
    }
    grads[0]?.device.recorder.enter(`${this.name} backward`, grads)
    grads[0]?.device.recorder.timer?.enter(`${this.name} backward`, undefined)
    // A saved value may be the gradient itself; the walk disposes what it is given, so it gets another handle.
    return this.#backward(grads, this.#saved).map((value) =>
      value && this.#saved.includes(value) ? value.alias() : value,
    )
  }
}

/** A gradient under way, held by the walk. `owned` ones are f32 and ours alone, so later parts are added in place. */
interface Pending {
  readonly value: Tensor
  readonly owned: boolean
}

/** Adds a part to a gradient under way; takes over `value`. */
function addPart(pending: Pending | undefined, value: Tensor): Pending {
  if (!pending) return { value, owned: value.dtype === 'f32' && !value.storage.shared }
  const sum = pending.owned ? pending.value : castGradient(pending.value, 'f32')
  accumulate(sum, value)
  value.dispose()
  if (sum !== pending.value) pending.value.dispose()
  return { value: sum, owned: true }
}

/** The gradient as an f32 tensor of its own, outside every scope. */
function settle({ value, owned }: Pending): Tensor {
  if (owned) return keep(value)
  const copy = keep(castGradient(value, 'f32'))
  value.dispose()
  return copy
}

export interface BackwardOptions {
  /** Gradient of `output`; default 1, for which `output` must have one element. */
  readonly gradient?: Tensor
  /** Keeps saved values, so that the same graph can be walked again. */
  readonly retainGraph?: boolean
  /**
   * Called while the walk goes on, for every leaf whose `grad` it will not add to any more: what is to be done with it may
   * be recorded, and submitted, before the rest. Where segments were checkpointed, leaves are announced behind the last of
   * them, since a segment does not tell which parameters it uses. Leaves of segments alone are not announced.
   */
  readonly onLeaf?: (leaf: Tensor) => void
}

/**
 * Walks the tape from `output` and adds to the `grad` of every leaf that requires one. Gradients of leaves are f32 and
 * live until the leaf or they are disposed. The graph is freed unless `retainGraph`.
 */
export function backward(output: Tensor, options: BackwardOptions = {}): void {
  const { gradient, retainGraph = false, onLeaf } = options
  const add: LeafSink = (leaf, value) => {
    leaf.grad = settle(addPart(leaf.grad && { value: leaf.grad, owned: true }, value))
  }
  walk([output], [gradient], retainGraph, add, onLeaf)
}

/** Gradients of `output` with respect to `inputs`, without touching any `grad`; zeros where there is no path. */
export function gradients(output: Tensor, inputs: readonly Tensor[], options: BackwardOptions = {}): Tensor[] {
  const sums = new Map<Tensor, Tensor>()
  const wanted = new Set(inputs)
  walk([output], [options.gradient], options.retainGraph ?? false, (leaf, value) => {
    const sum = sums.get(leaf)
    if (wanted.has(leaf)) sums.set(leaf, settle(addPart(sum && { value: sum, owned: true }, value)))
    else value.dispose()
  })
  return inputs.map((input) => {
    const sum = sums.get(input)
    if (!sum) return zeros(input.device, input.shape)
    adopt(sum)
    return sum
  })
}

/** Takes the gradient of a leaf; it must keep or dispose it. */
type LeafSink = (leaf: Tensor, value: Tensor) => void

/** Sink of the walk under way, which recomputed segments feed as well. */
let activeSink: LeafSink | undefined

function walk(
  outputs: readonly Tensor[],
  gradients: readonly (Tensor | undefined)[],
  retainGraph: boolean,
  sink: LeafSink,
  onLeaf?: (leaf: Tensor) => void,
): void {
  const outer = activeSink
  activeSink = sink
  try {
    noGrad(() => scope(() => walkGraph(outputs, gradients, retainGraph, sink, onLeaf)))
  } finally {
    activeSink = outer
  }
}

function walkGraph(
  outputs: readonly Tensor[],
  gradients: readonly (Tensor | undefined)[],
  retainGraph: boolean,
  sink: LeafSink,
  onLeaf?: (leaf: Tensor) => void,
): void {
  const pending = new Map<Node, (Pending | undefined)[]>()
  const deliver = (edge: InputEdge, value: Tensor) => {
    if ('leaf' in edge) {
      sink(edge.leaf, value)
      return
    }
    const slots = pending.get(edge.node) ?? new Array<Pending | undefined>(edge.node.outputs.length).fill(undefined)
    slots[edge.output] = addPart(slots[edge.output], value)
    pending.set(edge.node, slots)
  }
  for (const [i, output] of outputs.entries()) deliver(outputEdge(output), seedGradient(output, gradients[i]))
  // Every node was made after its inputs, so descending creation order is a topological order.
  const nodes = reachable(outputs).sort((a, b) => b.id - a.id)
  const announce = onLeaf && announcer(nodes, onLeaf)
  for (const node of nodes) {
    const slots = pending.get(node)
    pending.delete(node)
    if (slots) goBack(node, slots, deliver)
    announce?.(node)
    if (!retainGraph) node.consume()
  }
}

/** Told of every node that was walked, it tells of the leaves that no node is left to add to. */
function announcer(nodes: readonly Node[], onLeaf: (leaf: Tensor) => void): (node: Node) => void {
  const leavesOf = (node: Node) => node.edges.flatMap((edge) => (edge && 'leaf' in edge ? [edge.leaf] : []))
  const uses = new Map<Tensor, number>()
  for (const leaf of nodes.flatMap(leavesOf)) uses.set(leaf, (uses.get(leaf) ?? 0) + 1)
  let segments = nodes.filter(({ name }) => name === 'checkpoint').length
  const held: Tensor[] = []
  return (node) => {
    if (node.name === 'checkpoint') segments--
    for (const leaf of leavesOf(node)) {
      const left = uses.get(leaf)! - 1
      uses.set(leaf, left)
      if (left === 0) held.push(leaf)
    }
    if (segments === 0) for (const leaf of held.splice(0)) onLeaf(leaf)
  }
}

/** Runs one node's backward and delivers what it gives; frees what came in. */
function goBack(
  node: Node,
  slots: readonly (Pending | undefined)[],
  deliver: (edge: InputEdge, value: Tensor) => void,
): void {
  const device = slots.find((slot) => slot !== undefined)!.value.device
  const grads = node.outputs.map(({ shape, dtype }, i) => {
    const value = slots[i]?.value
    if (!value) return zeros(device, shape, { dtype })
    // An alias, so that an operation may pass its gradient through and the walk may still free its own handle.
    return value.dtype === dtype ? value.alias() : castGradient(value, dtype)
  })
  for (const slot of slots) slot?.value.dispose()
  const results = scope(() => node.backward(grads))
  const taken = new Set<Tensor>()
  // Every delivery gets a handle of its own, all made before the first one is delivered: what arrives alone in its
  // storage may be added into, what two inputs share may not.
  const deliveries = results.flatMap((value, i) => {
    const edge = node.edges[i]
    if (!edge || !value) return []
    checkGradient(node.name, i, value, edge)
    const handle = taken.has(value) ? value.alias() : value
    taken.add(value)
    return [{ edge, handle }]
  })
  for (const value of [...grads, ...results]) if (value && !taken.has(value)) value.dispose()
  for (const { edge, handle } of deliveries) deliver(edge, handle)
}

function checkGradient(name: string, index: number, value: Tensor, edge: InputEdge): void {
  const expected = 'leaf' in edge ? edge.leaf.shape : edge.node.outputs[edge.output]!.shape
  if (sameShape(value.shape, expected)) return
  throw new ShapeError(
    `${name}: its backward pass gave input ${index} a gradient of shape ${formatShape(value.shape)}, ` +
      `the input has ${formatShape(expected)}`,
  )
}

function outputEdge(output: Tensor): InputEdge {
  const edge = edgeTo(output)
  if (edge) return edge
  throw new VoxgradError('backward: the output depends on no tensor that requires a gradient (or noGrad was on)')
}

function seedGradient(output: Tensor, gradient: Tensor | undefined): Tensor {
  if (gradient) {
    if (sameShape(gradient.shape, output.shape)) return gradient.alias()
    throw new ShapeError(
      `backward: the gradient ${formatShape(gradient.shape)} does not have the output's shape ${formatShape(output.shape)}`,
    )
  }
  if (output.size !== 1) {
    throw new ShapeError(`backward: an output of shape ${formatShape(output.shape)} needs a gradient of that shape`)
  }
  return tensor(output.device, [1], output.shape, { dtype: output.dtype })
}

function reachable(roots: readonly Tensor[]): Node[] {
  const seen = new Set<Node>()
  const stack = roots.flatMap((root) => (root.node ? [root.node] : []))
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    for (const edge of node.edges) if (edge && 'node' in edge) stack.push(edge.node)
  }
  return [...seen]
}

/**
 * Runs `fn(...inputs)` without saving anything inside it; the backward pass runs it again. Trades one more forward for
 * the memory of a segment. Random draws (dropout) repeat exactly. Parameters that `fn` closes over get their gradients.
 */
export function checkpoint(fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  if (!recording) return fn(...inputs)
  const [output, draws] = recordDraws(() => noGrad(() => scope(() => fn(...inputs))))
  const edges = inputs.map(edgeTo)
  const backwardPass: BackwardFunction = ([grad], saved) => {
    const leaves = saved.map((value, i) => value.alias().setRequiresGrad(edges[i] !== undefined))
    const found = new Array<Tensor | undefined>(leaves.length).fill(undefined)
    const outerSink = activeSink!
    const again = replayDraws(draws, () => withRecording(true, () => scope(() => fn(...leaves))))
    walk([again], [grad], false, (leaf, value) => {
      const index = leaves.indexOf(leaf)
      if (index < 0) outerSink(leaf, value)
      else found[index] = settle(addPart(found[index] && { value: found[index], owned: true }, value))
    })
    for (const value of found) if (value) adopt(value)
    return found
  }
  // The forward of a segment may return one of its inputs; the tape needs a tensor of its own.
  const result = inputs.includes(output) ? output.alias() : output
  result.node = new Node('checkpoint', edges, [result], inputs, backwardPass)
  return result
}
