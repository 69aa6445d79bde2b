// Asks Dawn for an adapter and, with --compute, for a right answer. Runs in a process of its own, because a bad driver may
// crash the one that loads it. Prints one line of JSON: an AdapterFacts, or null when there is no adapter.

import { create } from 'webgpu'

// Dropping what create() returns crashes the process after the next garbage collection.
const gpu = create(['enable-dawn-features=allow_unsafe_apis,use_vulkan_memory_model'])
Object.assign(globalThis, { gpu })

const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
if (adapter && process.argv.includes('--compute')) await compute(adapter)
process.stdout.write(`${JSON.stringify(adapter ? facts(adapter) : null)}\n`)
process.exit(0)

/** @param {GPUAdapter} adapter */
function facts({ info, features }) {
  const { vendor, architecture, device, description } = info
  return { vendor, architecture, device, description, software: info.isFallbackAdapter, features: [...features].sort() }
}

/**
 * Doubles 64 numbers.
 * @param {GPUAdapter} adapter
 */
async function compute(adapter) {
  const device = await adapter.requestDevice()
  const numbers = Uint32Array.from({ length: 64 }, (_, index) => index)
  const storage = device.createBuffer({ size: numbers.byteLength, usage: 0x80 | 0x8 | 0x4 }) // STORAGE, COPY_DST, COPY_SRC
  const readback = device.createBuffer({ size: numbers.byteLength, usage: 0x8 | 0x1 }) // COPY_DST, MAP_READ
  device.queue.writeBuffer(storage, 0, numbers)
  const code = `@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { numbers[id.x] *= 2u; }`
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: storage } }],
    }),
  )
  pass.dispatchWorkgroups(1)
  pass.end()
  encoder.copyBufferToBuffer(storage, 0, readback, 0, numbers.byteLength)
  device.queue.submit([encoder.finish()])
  await readback.mapAsync(1)
  const doubled = new Uint32Array(readback.getMappedRange())
  if (!numbers.every((value, index) => doubled[index] === 2 * value))
    throw new Error('the adapter computes wrong results')
  device.destroy()
}
