/** Shorthands with which tests fetch. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { EgressPolicy } from '../../src/runtime/egress.ts'
import {
  Fetcher,
  type FetcherOptions,
  type Subrequest,
  type SubresponseHead,
} from '../../src/runtime/subrequest.ts'
import { TlsClient } from '../../src/runtime/tls-client.ts'
import { TlsServer } from '../../src/tls/server.ts'

/** A fetcher that may reach loopback. */
export function localFetcher(options: Partial<FetcherOptions> = {}): Fetcher {
  return new Fetcher({ egress: new EgressPolicy(['127.0.0.0/8', '::1/128']), ...options })
}

/** Makes TLS connections, as the relay's process does. */
export async function startTls(): Promise<{ tls: TlsClient } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-test-'))
  const [path, door, token] = [join(directory, 'tls.sock'), join(directory, 'door.sock'), 'secret']
  const server = new TlsServer({ token })
  await server.listen(path)
  const knocked = createServer(socket => socket.destroy()).listen(door)
  return {
    tls: new TlsClient({ path, door, token }),
    async [Symbol.asyncDispose]() {
      server[Symbol.dispose]()
      knocked.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** A GET of an app named "app", unless `request` says otherwise. */
export function fetchUrl(
  fetcher: Fetcher,
  url: string,
  request: Partial<Subrequest> = {},
): Promise<SubresponseHead> {
  return fetcher.fetch({
    app: 'app',
    method: 'GET',
    url,
    headers: [],
    body: null,
    redirect: 'follow',
    signal: new AbortController().signal,
    ...request,
  })
}

export async function fetchText(
  fetcher: Fetcher,
  url: string,
  request: Partial<Subrequest> = {},
): Promise<string> {
  return text(await fetchUrl(fetcher, url, request))
}

export async function text({ body }: SubresponseHead): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body?.stream() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The value of the only header of this name; undefined if there is none or several. */
export function header({ headers }: SubresponseHead, name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name)
  return values.length === 1 ? values[0] : undefined
}

/** Resolves when the fetcher has so many connections; rejects if that does not come about. */
export async function hasConnections(
  fetcher: Fetcher,
  expected: { open: number; idle: number },
): Promise<void> {
  for (let turns = 0; turns < 1000 && !isDeepStrictEqual(fetcher.connections, expected); turns++) {
    await setImmediate()
  }
  assert.deepEqual(fetcher.connections, expected)
}
