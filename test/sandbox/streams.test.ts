import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('text goes through the encoder and decoder streams, whole characters at a time', async t => {
  await using sandbox = await openFetchSandbox()

  const chunks = await sandbox.run(`
    const source = new ReadableStream({
      start(controller) {
        for (const chunk of ['a\\ud83d', '\\ude00b', '\\ud83d']) controller.enqueue(chunk)
        controller.close()
      },
    })
    const bytes = source.pipeThrough(new TextEncoderStream())
    const split = bytes.pipeThrough(new TransformStream({
      transform(chunk, controller) { for (const byte of chunk) controller.enqueue(Uint8Array.of(byte)) },
    }))
    Array.fromAsync(split.pipeThrough(new TextDecoderStream()))
  `)

  t.assert.deepEqual(chunks, ['a', '😀', 'b', '\ufffd'])
})

test('a write to an IdentityTransformStream lasts until it is read', async t => {
  await using sandbox = await openFetchSandbox()

  const log = await sandbox.run(`
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    const log = []
    const settle = async () => { for (let i = 0; i < 20; i++) await null }
    ;(async () => {
      writer.write(new Uint8Array([1, 2, 3])).then(() => log.push('written'))
      writer.close().then(() => log.push('closed'))
      await settle()
      log.push('nothing yet')
      const reader = readable.getReader({ mode: 'byob' })
      log.push((await reader.read(new Uint8Array(2))).value.length)
      await settle()
      log.push((await reader.read(new Uint8Array(2))).value.length)
      log.push((await reader.read(new Uint8Array(2))).done)
      return log
    })()
  `)

  t.assert.deepEqual(log, ['nothing yet', 2, 'written', 'closed', 1, true])
})

test('the two ends of an IdentityTransformStream end together', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const name = promise => promise.then(() => 'fulfilled', reason => reason?.name ?? reason)
    ;(async () => {
      const canceled = new IdentityTransformStream()
      const write = name(canceled.writable.getWriter().write(new Uint8Array(1)))
      await null
      await canceled.readable.cancel('unwanted')
      const aborted = new IdentityTransformStream()
      const writer = aborted.writable.getWriter()
      const pending = name(writer.write(new Uint8Array(1)))
      await null
      await writer.abort('broken')
      return [await write, await pending, await name(aborted.readable.getReader().read()),
        await name(new IdentityTransformStream().writable.getWriter().write('text'))]
    })()
  `)

  t.assert.deepEqual(seen, ['unwanted', 'broken', 'broken', 'TypeError'])
})

test('a FixedLengthStream refuses too much and too little', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const name = promise => promise.then(() => 'fulfilled', reason => reason.name)
    const run = async size => {
      const { readable, writable } = new FixedLengthStream(3)
      const writer = writable.getWriter()
      const read = name(new Response(readable).bytes())
      const write = name(writer.write(new Uint8Array(size)))
      return [await write, await name(writer.close()), await read]
    }
    Promise.all([run(3), run(4), run(2)])
  `)

  t.assert.deepEqual(seen, [
    ['fulfilled', 'fulfilled', 'fulfilled'],
    ['TypeError', 'TypeError', 'TypeError'],
    ['fulfilled', 'TypeError', 'TypeError'],
  ])
})

test('classes of the streams standard keep their names and iterate as the language’s own', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const iterator = new ReadableStream().values()
    ;[
      ReadableStream.name, TransformStream.name, WritableStream.name, String(new ReadableStream()),
      iterator[Symbol.asyncIterator]() === iterator,
    ]
  `)

  t.assert.deepEqual(seen, [
    'ReadableStream',
    'TransformStream',
    'WritableStream',
    '[object ReadableStream]',
    true,
  ])
})
