/** A server that apps fetch from is lost, and comes back. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '../support/client.ts'
import { Platform } from '../support/platform.ts'
import { expect, type Fault } from './fault.ts'

export const upstream: Fault = {
  name: 'upstream',
  title: 'a server that an app fetches from is lost: the app is told at once, its neighbours notice nothing',
  async run() {
    let server = await listen(0)
    const { port } = server.address() as AddressInfo
    await using platform = await Platform.start({ flags: ['--egress-allow', '127.0.0.1/32'] })
    await platform.upload(
      'asks',
      `export default { async fetch() {
        try {
          return new Response(await (await fetch('http://127.0.0.1:${port}/')).text())
        } catch (error) {
          return new Response(error.name + ': ' + error.message, { status: 502 })
        }
      } }`,
    )
    await platform.upload('calm', `export default { fetch() { return new Response('calm') } }`)
    using client = new Client(1)
    await client.sendOk(platform.app('asks'))

    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    const lost = await client.send(platform.app('asks'))
    expect(`the app is told by a TypeError, not ${lost.body}`, /^TypeError: /.test(lost.body.toString()))
    expect('it is told within a second', lost.ms < 1000)
    await client.sendOk(platform.app('calm'))

    server = await listen(port)
    const { body } = await client.sendOk(platform.app('asks'))
    expect('the app reaches it again', body.toString() === 'here')
    server.closeAllConnections()
    server.close()
    return `"${lost.body.toString().slice(0, 80)}" after ${Math.round(lost.ms)} ms; reached again when it is back`
  },
}

async function listen(port: number): Promise<Server> {
  const server = createServer((_request, response) => void response.end('here'))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
