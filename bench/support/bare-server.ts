/** A server without platform, `fastify` or `http` by its argument: what Node itself costs. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'

const BODY = 'Hello, world!\n'
const TYPE = 'text/plain;charset=UTF-8'

async function listen(): Promise<AddressInfo> {
  if (process.argv[2] === 'fastify') {
    const app = fastify()
    app.get('/', (_request, reply) => {
      reply.header('content-type', TYPE).send(BODY)
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    return app.server.address() as AddressInfo
  }
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': TYPE, 'content-length': BODY.length })
    response.end(BODY)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server.address() as AddressInfo
}

process.stdout.write(`${JSON.stringify({ port: (await listen()).port })}\n`)
