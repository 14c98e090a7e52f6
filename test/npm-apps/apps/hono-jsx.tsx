/** @jsxImportSource hono/jsx */
/** Hono's own JSX, streamed, and the middleware that stands on caches, compression and keys. */
import { Hono } from 'hono'
import { cache } from 'hono/cache'
import { compress } from 'hono/compress'
import { renderToReadableStream, Suspense } from 'hono/jsx/streaming'
import { jwt, sign } from 'hono/jwt'
import { streamSSE } from 'hono/streaming'

const SECRET = 'a secret of the tests'

const app = new Hono<{ Variables: { jwtPayload: { sub: string } } }>()

async function Slow({ ms }: { ms: number }) {
  await scheduler.wait(ms)
  return <p>arrived</p>
}

app.get('/page', c => {
  const page = (
    <main>
      <Suspense fallback={<i>loading</i>}>
        <Slow ms={Number(c.req.query('ms'))} />
      </Suspense>
    </main>
  )
  return c.body(renderToReadableStream(page), { headers: { 'content-type': 'text/html; charset=utf-8' } })
})
app.get('/compressed', compress(), c => c.text('glass '.repeat(1000)))
app.get('/cached', cache({ cacheName: 'pages', cacheControl: 'max-age=60' }), c =>
  c.text(crypto.randomUUID()),
)
app.get('/token', async c => c.text(await sign({ sub: 'ada' }, SECRET, 'HS256')))
app.get('/me', jwt({ secret: SECRET, alg: 'HS256' }), c => c.text(c.get('jwtPayload').sub))
app.get('/events', c =>
  streamSSE(c, async stream => {
    for (let id = 1; id <= 3; id++) await stream.writeSSE({ id: String(id), event: 'tick', data: `${id}` })
  }),
)

export default app
