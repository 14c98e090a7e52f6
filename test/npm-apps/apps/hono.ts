/** Hono with its middleware, and a WebSocket by its helper for Workers. */
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { upgradeWebSocket } from 'hono/cloudflare-workers'
import { getCookie, setCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { secureHeaders } from 'hono/secure-headers'
import { streamText } from 'hono/streaming'
import { timing } from 'hono/timing'
import { validator } from 'hono/validator'

const app = new Hono<{ Bindings: { GREETING: string } }>()

app.use(timing(), secureHeaders())
app.use('/api/*', cors({ origin: 'https://example.com', credentials: true }))
app.get('/', c => c.text(`${c.env.GREETING} from ${c.req.path}`))
app.get('/api/users/:id{[0-9]+}', etag(), c => c.json({ id: Number(c.req.param('id')), q: c.req.query('q') }))
app.post(
  '/api/users',
  validator('json', (value: { name?: unknown }, c) =>
    typeof value.name === 'string' ? { name: value.name } : c.json({ error: 'no name' }, 422),
  ),
  c => c.json({ created: c.req.valid('json').name }, 201),
)
app.post('/upload', async c => {
  const { file } = await c.req.parseBody()
  if (!(file instanceof File)) throw new HTTPException(400, { message: 'no file' })
  return c.json({ name: file.name, type: file.type, text: await file.text() })
})
app.get('/cookies', c => {
  setCookie(c, 'seen', String(Number(getCookie(c, 'seen') ?? 0) + 1), { httpOnly: true, path: '/' })
  return c.html(`<p>${getCookie(c, 'seen') ?? 'never'}</p>`)
})
app.get('/secret', basicAuth({ username: 'ada', password: 'lovelace' }), c => c.text('the secret'))
app.get('/stream', c =>
  streamText(c, async stream => {
    for (let i = 0; i < 3; i++) {
      await stream.writeln(`line ${i}`)
      await stream.sleep(10)
    }
  }),
)
app.get(
  '/socket',
  upgradeWebSocket(() => ({
    onMessage: (event, socket) => socket.send(`you said ${event.data}`),
  })),
)
app.get('/fails', () => {
  throw new Error('as asked')
})
app.onError((error, c) =>
  error instanceof HTTPException ? error.getResponse() : c.json({ error: error.message }, 500),
)
app.notFound(c => c.text('nothing here', 404))

export default app
