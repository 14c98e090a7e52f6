/** What the metrics say of clients' connections, on real ones. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startTestPlatform, until } from '../support/platform.ts'

const TALKS = `export default { fetch(request) {
  const [client, server] = Object.values(new WebSocketPair())
  server.accept()
  server.addEventListener('message', () => server.close(1000))
  return new Response(null, { status: 101, webSocket: client })
} }`

test('connections are in the metrics while they are open, and WebSockets among them', async () => {
  await using platform = await startTestPlatform()
  await platform.deploy('talks', TALKS, { routes: ['127.0.0.1/*'] })
  const { port } = new URL(platform.running.appsUrl)
  const open = async () => [
    await platform.metric('vitrine_connections'),
    await platform.metric('vitrine_websockets'),
  ]
  const become = (...expected: number[]) => until(async () => (await open()).join() === expected.join())

  const silent = connect(Number(port), '127.0.0.1')
  const sockets = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${port}/`))
  await Promise.all([once(silent, 'connect'), ...sockets.map(socket => once(socket, 'open'))])
  await become(3, 2)

  sockets[0]!.send('close')
  await become(2, 1)
  silent.destroy()
  await become(1, 1)
  sockets[1]!.close()
  await become(0, 0)
  assert.equal(await platform.metric('vitrine_connections_refused_total'), 0)
})

test('connections beyond the bound are counted', async () => {
  await using platform = await startTestPlatform({ connectionsMax: '2' })
  const { port } = new URL(platform.running.appsUrl)
  const clients = Array.from({ length: 5 }, () => connect(Number(port), '127.0.0.1'))
  await Promise.all(clients.map(client => once(client, 'connect')))

  await until(async () => (await platform.metric('vitrine_connections_refused_total')) === 3)
  assert.equal(await platform.metric('vitrine_connections'), 2)

  for (const client of clients) client.destroy()
})
