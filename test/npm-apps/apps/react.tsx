/** A page of React's, streamed: the fallback comes before what it stands for. */
import { Suspense, use, useId } from 'react'
import { renderToReadableStream } from 'react-dom/server'

function Slow({ data }: { data: Promise<string> }) {
  return <p id={useId()}>{use(data)}</p>
}

function Page({ data }: { data: Promise<string> }) {
  return (
    <html lang="en">
      <head>
        <title>Streamed</title>
      </head>
      <body>
        <h1>Ready &amp; waiting</h1>
        <Suspense fallback={<i>loading</i>}>
          <Slow data={data} />
        </Suspense>
      </body>
    </html>
  )
}

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url)
    const data = scheduler.wait(Number(searchParams.get('ms') ?? 100)).then(() => 'arrived')
    const stream = await renderToReadableStream(<Page data={data} />, { signal: request.signal })
    if (searchParams.has('whole')) await stream.allReady
    return new Response(stream, { headers: { 'content-type': 'text/html; charset=utf-8' } })
  },
} satisfies ExportedHandler
