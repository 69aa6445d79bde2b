/**
 * PyTorch, where `python3` (or `VOXGRAD_PYTHON`) has one: eager, compiled, and with tf32 or bfloat16 matrix units.
 *
 * `torch.py` runs as a child process for each mode and answers requests. It times every case itself when it prepares
 * it, by CUDA events where there is a GPU: {@link PreparedPeer.measured}. `run` and `sync` work as for any peer, but what a
 * clock in this process sees of them includes the way there and back.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { MissingPeer, Peer, PeerCase, PeerModel, PreparedPeer, Unsupported } from '../peer.js'

interface Description {
  readonly version: string
  readonly device: string
  readonly modes: readonly string[]
  readonly how: string
}

type Answer = { measured: NonNullable<PreparedPeer['measured']> } | Unsupported

const script = fileURLToPath(new URL('./torch.py', import.meta.url))
const python = process.env.VOXGRAD_PYTHON || 'python3'
/** A first import from a cold disk takes long. */
const startTimeoutMs = 120_000
/** For the samples of one case. */
const seconds = 0.3

const modeNotes: Readonly<Record<string, string>> = {
  eager: 'eager',
  compiled: 'torch.compile',
  tf32: 'eager, matrix units round f32 operands to tf32',
  bf16: 'eager, bfloat16 instead of f16',
}

export async function torchPeers(): Promise<(Peer | MissingPeer)[]> {
  let description: Description
  try {
    const { stdout } = await promisify(execFile)(python, [script, '--describe'], { timeout: startTimeoutMs })
    description = JSON.parse(stdout) as Description
  } catch (error) {
    return [{ name: 'torch', missing: `${python} has no PyTorch: ${lastLine(error)}` }]
  }
  const { version, device, modes, how } = description
  return modes.map((mode) => {
    const server = new TorchServer(mode)
    return {
      name: `torch-${mode}`,
      version,
      note: `${device}; ${modeNotes[mode] ?? mode}; its own clock: ${how}`,
      prepare: (problem) => server.prepare(problem),
      prepareModel: (problem) => server.prepare(problem),
    }
  })
}

function lastLine(error: unknown): string {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string }
  return (stderr.trim() || message).split('\n').at(-1)!
}

/** The child process of one mode, started with its first case. */
class TorchServer {
  private process: ChildProcess | undefined
  /** Answers come in the order of requests. */
  private readonly waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = []
  private lastId = 0

  constructor(private readonly mode: string) {}

  async prepare({ inputs, ...problem }: PeerCase | PeerModel): Promise<PreparedPeer | Unsupported> {
    const id = ++this.lastId
    const shapes = inputs.map(({ shape }) => shape)
    const answer = await withFile(async (path) => {
      writeFileSync(path, Buffer.concat(inputs.map(({ data }) => bytesOf(data))))
      return (await this.ask({ op: 'prepare', id, path, seconds, case: { ...problem, shapes } })) as Answer
    })
    if ('unsupported' in answer) return answer
    return {
      measured: answer.measured,
      run: () => this.tell({ op: 'run', id }),
      sync: async () => void (await this.ask({ op: 'sync' })),
      output: () =>
        withFile(async (path) => {
          await this.ask({ op: 'output', id, path })
          return new Float32Array(new Uint8Array(readFileSync(path)).buffer)
        }),
      dispose: () => this.tell({ op: 'dispose', id }),
    }
  }

  private tell(request: object): void {
    this.child().stdin!.write(`${JSON.stringify(request)}\n`)
  }

  private async ask(request: object): Promise<unknown> {
    const child = this.child()
    // The child keeps this process alive only while an answer is due.
    setReferenced(child, true)
    try {
      return await new Promise((resolve, reject) => {
        this.waiting.push({ resolve, reject })
        this.tell(request)
      })
    } finally {
      if (this.waiting.length === 0) setReferenced(child, false)
    }
  }

  private child(): ChildProcess {
    if (this.process) return this.process
    const child = spawn(python, [script, '--serve', '--modes', this.mode], { stdio: ['pipe', 'pipe', 'ignore'] })
    this.process = child
    createInterface({ input: child.stdout }).on('line', (line) => this.waiting.shift()?.resolve(JSON.parse(line)))
    const fail = (reason: string) => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`torch.py: ${reason}`))
      this.process = undefined
    }
    child.on('error', ({ message }) => fail(message))
    child.on('exit', (code, signal) => fail(`ended with ${signal ?? `status ${code}`}`))
    // Of a write to a child that has ended, its exit says more.
    child.stdin.on('error', () => {})
    return child
  }
}

function setReferenced(child: ChildProcess, on: boolean): void {
  const handles = [child, child.stdin, child.stdout] as unknown as { ref(): void; unref(): void }[]
  for (const handle of handles) on ? handle.ref() : handle.unref()
}

async function withFile<T>(work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'voxgrad-torch-'))
  try {
    return await work(join(folder, 'data'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
