import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subrequest } from '../../src/runtime/subrequest.ts'
import { fetchText, fetchUrl, hasConnections, header, localFetcher, text } from './fetching.ts'
import { startUpstream, type Upstream } from './upstream.ts'

interface Echo {
  method: string
  headers: string[]
  body: string
}

/** `/STATUS?LOCATION` redirects there; `/loop` to itself; everything else answers with what it was asked, as JSON. */
function startRedirector(): Promise<Upstream> {
  return startUpstream(async (request, response) => {
    const { method, rawHeaders, url = '' } = request
    const [, status, location] = /^\/(\d+)(?:\?(.*))?$/.exec(url) ?? []
    if (url === '/loop') response.writeHead(302, { location: '/loop' }).end()
    else if (status) response.writeHead(Number(status), location ? { location } : {}).end('moved')
    else {
      let body = ''
      for await (const piece of request) body += piece
      response.end(JSON.stringify({ method, headers: rawHeaders, body }))
    }
  })
}

test('a redirect is followed, and the response says where it came from', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()

  for (const status of [301, 302, 303, 307, 308]) {
    const response = await fetchUrl(fetcher, `${upstream.url}/${status}?/end%23there`)
    assert.equal(response.status, 200)
    assert.equal(response.redirected, true)
    assert.equal(response.url, `${upstream.url}/end%23there`)
    await text(response)
  }
  const fragment = await fetchUrl(fetcher, `${upstream.url}/302?/302?../a/../end`)
  assert.equal(fragment.url, `${upstream.url}/end`)
})

test('methods and bodies change as the Fetch standard says', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()
  const body = Buffer.from('body')
  const headers = ['content-type', 'a/b', 'content-language', 'de', 'x-kept', '1']
  const cases = [
    ['POST', 301, 'GET', ''],
    ['POST', 302, 'GET', ''],
    ['POST', 303, 'GET', ''],
    ['POST', 307, 'POST', 'body'],
    ['POST', 308, 'POST', 'body'],
    ['PUT', 301, 'PUT', 'body'],
    ['PUT', 302, 'PUT', 'body'],
    ['PUT', 303, 'GET', ''],
  ] as const

  for (const [method, status, methodAfter, bodyAfter] of cases) {
    const request = { method, headers, body }
    const echo: Echo = JSON.parse(await fetchText(fetcher, `${upstream.url}/${status}?/end`, request))
    assert.deepEqual([echo.method, echo.body], [methodAfter, bodyAfter], `${method} ${status}`)
    assert.equal(echo.headers.includes('content-type'), bodyAfter !== '', `${method} ${status}`)
    assert.equal(echo.headers.includes('content-language'), bodyAfter !== '', `${method} ${status}`)
    assert.ok(echo.headers.includes('x-kept'))
  }
  const head = await fetchUrl(fetcher, `${upstream.url}/303?/end`, { method: 'HEAD' })
  assert.equal(head.body, null)
})

test('a streamed body is not sent twice', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()
  const post = (status: number): Partial<Subrequest> & { url: string } => {
    async function* body() {
      yield Buffer.from('once')
    }
    return { method: 'POST', body: body(), url: `${upstream.url}/${status}?/end` }
  }

  for (const status of [301, 302, 307, 308]) {
    await assert.rejects(fetchText(fetcher, '', post(status)), {
      message: `cannot follow a ${status} redirect: the body was a stream and has been sent`,
    })
  }
  assert.equal(JSON.parse(await fetchText(fetcher, '', post(303))).method, 'GET')
})

test('authorization and cookies stay with the origin that the app chose', async () => {
  await using upstream = await startRedirector()
  await using other = await startRedirector()
  await using fetcher = localFetcher()
  const headers = ['authorization', 'Bearer x', 'cookie', 'a=b', 'x-kept', 'authorization']
  const sent = async (url: string) => {
    const echo: Echo = JSON.parse(await fetchText(fetcher, url, { headers }))
    return echo.headers
      .filter((_, at) => at % 2 === 0)
      .filter(name => /authorization|cookie|x-kept/.test(name))
  }

  assert.deepEqual(await sent(`${upstream.url}/302?/end`), ['authorization', 'cookie', 'x-kept'])
  assert.deepEqual(await sent(`${upstream.url}/302?${other.url}/end`), ['x-kept'])
  assert.deepEqual(await sent(`${upstream.url}/302?${other.url}/302?${upstream.url}/end`), ['x-kept'])
})

test('at most twenty redirects are followed', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()

  await assert.rejects(fetchUrl(fetcher, `${upstream.url}/loop`), { message: 'more than 20 redirects' })
})

test('with "manual" the redirect itself is the response, with "error" it is none', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()

  const manual = await fetchUrl(fetcher, `${upstream.url}/302?/end`, { redirect: 'manual' })

  assert.equal(manual.status, 302)
  assert.equal(manual.redirected, false)
  assert.equal(header(manual, 'location'), '/end')
  assert.equal(await text(manual), 'moved')
  for (const path of ['/302?/end', '/307']) {
    await assert.rejects(fetchUrl(fetcher, upstream.url + path, { redirect: 'error' }), {
      message: /redirects/,
    })
  }
})

test('a redirect status without a location, and 300, 304 and 305, are ordinary responses', async () => {
  await using upstream = await startRedirector()
  await using fetcher = localFetcher()

  for (const path of ['/302', '/300?/end', '/304?/end', '/305?/end']) {
    const response = await fetchUrl(fetcher, upstream.url + path)
    assert.equal(response.status, Number(path.slice(1, 4)))
    await text(response)
  }
})

test('several locations are none, and one in UTF-8 is understood', async () => {
  let location: string | string[] = []
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/') response.writeHead(302, { location: location as string })
    response.end(request.url)
  })
  await using fetcher = localFetcher()

  location = ['/a', '/b']
  await assert.rejects(fetchUrl(fetcher, upstream.url), { message: /several places/ })
  location = Buffer.from('/ü').toString('latin1')
  assert.equal(await fetchText(fetcher, upstream.url), '/%C3%BC')
})

test('the body of a redirect is not waited for', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url !== '/') return response.end('arrived')
    response.writeHead(302, { location: '/end' })
    response.write('endless')
  })
  await using fetcher = localFetcher()

  assert.equal(await fetchText(fetcher, upstream.url), 'arrived')
  await hasConnections(fetcher, { open: 1, idle: 1 })
})
