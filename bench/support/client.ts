/** A client for single requests, over connections that stay open. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface ClientRequest {
  port: number
  host: string
  path?: string
  method?: string
  /** Besides Host. */
  headers?: Readonly<Record<string, string>>
  body?: Buffer
}

export interface ClientResponse {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** From the call to the last byte. */
  ms: number
}

const ANSWER_MS_MAX = 30_000

export class Client implements Disposable {
  readonly #agent: Agent

  /** With at most `connections` to each server. */
  constructor(connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  send({ port, host, path = '/', method = 'GET', headers, body }: ClientRequest): Promise<ClientResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientResponse>()
    const began = performance.now()
    const signal = AbortSignal.timeout(ANSWER_MS_MAX)
    const sent = request({
      agent: this.#agent,
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { ...headers, host },
      signal,
    })
    sent.on('error', reject)
    sent.on('response', response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const ms = performance.now() - began
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks), ms })
      })
    })
    sent.end(body)
    return promise
  }

  /** The same, and rejects unless the status is 200. */
  async sendOk(request: ClientRequest): Promise<ClientResponse> {
    const response = await this.send(request)
    if (response.status === 200) return response
    throw new Error(`${request.host} answers ${response.status}: ${response.body.toString('utf8', 0, 500)}`)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}
