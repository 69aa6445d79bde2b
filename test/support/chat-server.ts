/** A chat endpoint on this machine that does what it is told, wrong things included. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A status, a connection that breaks off, a 200 that is no completion, or an answer. */
export type ChatTurn = number | 'drop' | 'nonsense' | { readonly content: string }

export interface ChatRequest {
  readonly path: string
  readonly authorization: IncomingHttpHeaders['authorization']
  readonly body: { readonly messages: readonly { readonly content: string }[] }
}

export class ChatServer implements AsyncDisposable {
  readonly requests: ChatRequest[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Takes its turns one request after the other, and then always `after`. */
  static async start(
    turns: readonly ChatTurn[],
    after: ChatTurn | ((request: ChatRequest) => ChatTurn) = 500,
  ): Promise<ChatServer> {
    const left = [...turns]
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const piece of request) text += piece
      const own = { path: request.url!, authorization: request.headers.authorization, body: JSON.parse(text) }
      made.requests.push(own)
      const turn = left.shift() ?? (typeof after === 'function' ? after(own) : after)
      if (turn === 'drop') request.socket.destroy()
      else if (turn === 'nonsense') response.end('<html>busy</html>')
      else if (typeof turn === 'number') response.writeHead(turn, { 'retry-after': '0' }).end('no')
      else response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: turn.content } }] }))
    })
    const made = new ChatServer(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return made
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
