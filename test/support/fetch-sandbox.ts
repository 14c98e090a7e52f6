/**
 * A bare isolate with the Web APIs around fetch as globals, over a host that lives in the isolate too.
 *
 * Guest code of a test finds `hold(...texts)`, which puts a body with the host and gives its id; `asked`, the list of
 * what the host was asked for; and `answer`, which a test sets to what the host's fetch does. A digest is a text that
 * names its algorithm and its data.
 */
import { openSandbox, type Sandbox } from './isolate.ts'

export async function openFetchSandbox(): Promise<Sandbox> {
  const sandbox = await openSandbox(SOURCE)
  await sandbox.run('sandbox.open()')
  return sandbox
}

const SOURCE = `
  import { AbortController, AbortSignal } from './abort.ts'
  import { Blob, File } from './blob.ts'
  import { setHost } from './current-host.ts'
  import { TextDecoder, TextEncoder, utf8Decode, utf8Encode } from './encoding.ts'
  import { fetch } from './fetch.ts'
  import { FormData } from './form-data.ts'
  import { Headers } from './headers.ts'
  import { FixedLengthStream, IdentityTransformStream } from './identity-stream.ts'
  import { abortIncomingRequest, createIncomingRequest, Request } from './request.ts'
  import { createFetchedResponse, readResponse, Response } from './response.ts'
  import { ReadableStream, TransformStream, WritableStream } from './streams.ts'
  import { TextDecoderStream, TextEncoderStream } from './text-streams.ts'
  import { URL } from './url.ts'
  import { URLSearchParams } from './url-search-params.ts'

  const bodies = new Map()
  const asked = []
  const joined = id => utf8Encode(bodies.get(id).splice(0).join(''))
  let lastId = 0

  export function open() {
    setHost({
      pull: async id => {
        asked.push('pull')
        const text = bodies.get(id).shift()
        if (text instanceof Error) throw text
        return text === undefined ? undefined : utf8Encode(text)
      },
      collectBytes: async id => (asked.push('collectBytes'), joined(id).buffer),
      collectText: async id => (asked.push('collectText'), utf8Decode(joined(id))),
      cancel: () => asked.push('cancel'),
      fetch: async (request, signal) => globalThis.answer(request, signal),
      digest: async (algorithm, bytes) => utf8Encode(algorithm + ' of ' + utf8Decode(bytes)).buffer,
      fillRandom: target => target.fill(7),
      now: () => 0,
    })
    Object.assign(globalThis, {
      AbortController, AbortSignal, Blob, File, TextDecoder, TextEncoder, fetch, FormData, Headers, FixedLengthStream,
      IdentityTransformStream, Request, Response, ReadableStream, TransformStream, WritableStream, TextDecoderStream,
      TextEncoderStream, URL, URLSearchParams, createIncomingRequest, abortIncomingRequest, readResponse,
      createFetchedResponse, asked, hold: (...texts) => (bodies.set(++lastId, texts), lastId),
    })
  }
`
