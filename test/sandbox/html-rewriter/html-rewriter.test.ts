import { after, before, type TestContext, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** What an app answers whose handler's body is `code`. */
async function answer(code: string) {
  const source = `export default { async fetch(request) { ${code} } }`
  const { instance } = await runtime.start(source, { limits: { cpuMs: 5000 } })
  const { status, headers, body, failure } = await runtime.fetch(instance, 'http://app.test/')
  return { status, headers, body, text: body.toString(), failure }
}

test('handlers may be asynchronous: what follows waits for them', async (t: TestContext) => {
  const { text } = await answer(`
    const seen = []
    class Handler {
      name = 'handler'
      async element(element) {
        seen.push(element.tagName)
        await scheduler.wait(5)
        element.setAttribute('by', this.name)
        seen.push('/' + element.tagName)
      }
    }
    const rewriter = new HTMLRewriter().on('*', new Handler())
    const written = await rewriter.transform(new Response('<a><b>')).text()
    return new Response(written + seen)`)

  t.assert.equal(text, '<a by="handler"><b by="handler">a,/a,b,/b')
})

test('a Response keeps its status and headers, but not its length', async (t: TestContext) => {
  const { text } = await answer(`
    const response = new Response('<p>x', {
      status: 404,
      statusText: 'Gone fishing',
      headers: { 'content-length': '4', 'x-a': 'b', 'content-type': 'text/html' },
    })
    const rewritten = new HTMLRewriter().on('p', { element: p => p.append('!') }).transform(response)
    rewritten.headers.set('x-c', 'd')
    const { status, statusText, headers } = rewritten
    return Response.json([status, statusText, [...headers], response.bodyUsed, response.headers.has('x-c')])`)

  t.assert.deepEqual(JSON.parse(text), [
    404,
    'Gone fishing',
    [
      ['content-type', 'text/html'],
      ['x-a', 'b'],
      ['x-c', 'd'],
    ],
    false,
    false,
  ])
})

test('a Response without a body is given back, and one whose body was read is refused', async (t: TestContext) => {
  const { text } = await answer(`
    const empty = new Response(null)
    const read = new Response('<p>')
    await read.text()
    let error
    try { new HTMLRewriter().transform(read) } catch (thrown) { error = thrown }
    return new Response([new HTMLRewriter().transform(empty) === empty, error.name])`)

  t.assert.equal(text, 'true,TypeError')
})

test('what a handler throws, or rejects with, is what reading fails with', async (t: TestContext) => {
  const { text } = await answer(`
    const read = async handler => {
      const rewriter = new HTMLRewriter().on('b', { element: handler })
      return await rewriter.transform(new Response('<a><b>')).text().catch(error => error.message)
    }
    return new Response([
      await read(() => { throw new Error('thrown') }),
      await read(async () => { throw new Error('rejected') }),
    ])`)

  t.assert.equal(text, 'thrown,rejected')
})

test('a token is nobody’s once its handler has ended', async (t: TestContext) => {
  const { text } = await answer(`
    const kept = []
    const keep = token => { kept.push(token) }
    await new HTMLRewriter()
      .on('p', { element(p) { kept.push(p); p.onEndTag(keep) }, comments: keep, text: keep })
      .onDocument({ doctype: keep, end: keep })
      .transform(new Response('<!doctype html><p>x<!--y--></p>'))
      .text()
    const names = kept.map(token => token[Symbol.toStringTag])
    const errors = kept.map(token => {
      try { return token.text ?? token.name ?? token.tagName ?? token.append('x') } catch (error) { return error.message }
    })
    return Response.json([names, [...new Set(errors)]])`)
  const [names, errors] = JSON.parse(text)

  t.assert.deepEqual(names, ['Doctype', 'Element', 'Text', 'Text', 'Comment', 'EndTag', 'DocumentEnd'])
  t.assert.equal(errors.length, 1)
  t.assert.match(errors[0], /no longer valid/)
})

test('streams and Responses are inserted as they come, escaped unless they are markup', async (t: TestContext) => {
  const { text } = await answer(`
    const stream = (...texts) =>
      ReadableStream.from(texts.map(text => new TextEncoder().encode(text)))
    const bytes = new TextEncoder().encode('é')
    const split = ReadableStream.from([bytes.slice(0, 1), bytes.slice(1)])
    return new HTMLRewriter()
      .on('p', {
        element(p) {
          p.before(stream('<i>', '1', '</i>'), { html: true })
          p.prepend(new Response('<2>'))
          p.append(split)
          p.after(new Response(null))
        },
      })
      .transform(new Response('<p>x</p>'))`)

  t.assert.equal(text, '<i>1</i><p>&lt;2&gt;xé</p>')
})

test('a document is rewritten as it arrives', async (t: TestContext) => {
  const { text } = await answer(`
    const { readable, writable } = new IdentityTransformStream()
    const rewriter = new HTMLRewriter().on('p', { element: p => p.after('!') })
    const reader = rewriter.transform(new Response(readable)).body.getReader()
    const writer = writable.getWriter()
    const read = async () => new TextDecoder().decode((await reader.read()).value)
    const seen = []
    for (const piece of ['<p>a</p><p', '>b', '</p>']) {
      const reading = read()
      await writer.write(new TextEncoder().encode(piece))
      seen.push(await reading)
    }
    return Response.json(seen)`)

  t.assert.deepEqual(JSON.parse(text), ['<p>a</p>!', '<p>b', '</p>!'])
})

test('who stops reading stops the rewriting, and what it reads from', async (t: TestContext) => {
  const { text } = await answer(`
    let canceled
    let made = 0
    const endless = new ReadableStream({
      pull: controller => { made++; controller.enqueue(new TextEncoder().encode('<p>x')) },
      cancel: reason => { canceled = reason },
    })
    const reader = new HTMLRewriter().on('p', { element() {} }).transform(new Response(endless)).body.getReader()
    await reader.read()
    await reader.cancel('enough')
    await scheduler.wait(5)
    return Response.json([canceled, made < 5])`)

  t.assert.deepEqual(JSON.parse(text), ['enough', true])
})

test('a document’s own encoding is read, and written in numbers where it lacks a character', async (t: TestContext) => {
  const { body } = await answer(`
    const bytes = Uint8Array.from([...'<p title="gr\\xfcn">\\xe4<\\xfc>'], c => c.charCodeAt(0))
    let title, text
    const response = new Response(bytes, { headers: { 'content-type': 'text/html; charset=iso-8859-1' } })
    return new HTMLRewriter()
      .on('p', {
        element(p) {
          p.before(p.getAttribute('title') + '日')
          p.setAttribute('lang', 'é')
        },
        text(chunk) { if (!chunk.lastInTextNode) chunk.after(chunk.text) },
      })
      .transform(response)`)

  t.assert.equal(
    body.toString('latin1'),
    'gr&#252;n&#26085;<p title="gr\xfcn" lang="&#233;">\xe4<\xfc>&#228;&lt;&#252;&gt;',
  )
})

test('an encoding that does not extend ASCII, or that nobody knows, is a TypeError', async (t: TestContext) => {
  const { text } = await answer(`
    const failures = []
    for (const charset of ['utf-16le', 'klingon']) {
      const response = new Response('x', { headers: { 'content-type': 'text/html; charset=' + charset } })
      try { await new HTMLRewriter().transform(response).text() } catch (error) { failures.push(error.name + ': ' + error.message) }
    }
    return Response.json(failures)`)

  t.assert.deepEqual(JSON.parse(text), [
    'TypeError: HTMLRewriter cannot read utf-16le: an encoding must extend ASCII.',
    "TypeError: HTMLRewriter does not know the encoding 'klingon' of the response's Content-Type.",
  ])
})

test('a wrong selector says what is wrong with it', async (t: TestContext) => {
  const { text } = await answer(`
    const why = ['p + a', 'p:hover', 'p[', '', 'p,', 'p:nth-child(x)', 'a|b', ':not(p a)', '.', 'p)'].map(selector => {
      try { return new HTMLRewriter().on(selector, {}) && 'none' } catch (error) { return error.name + ' ' + error.message }
    })
    return Response.json(why)`)

  t.assert.deepEqual(JSON.parse(text), [
    `TypeError The selector 'p + a' is not valid: the combinator "+" is not supported: use a space or ">".`,
    `TypeError The selector 'p:hover' is not valid: ":hover" is not supported.`,
    "TypeError The selector 'p[' is not valid: a name is missing.",
    "TypeError The selector '' is not valid: it breaks off.",
    "TypeError The selector 'p,' is not valid: it breaks off.",
    `TypeError The selector 'p:nth-child(x)' is not valid: "x" is not like 3, 2n+1, odd or even.`,
    "TypeError The selector 'a|b' is not valid: namespaces are not supported.",
    `TypeError The selector ':not(p a)' is not valid: ":not" takes simple selectors only, without combinators.`,
    "TypeError The selector '.' is not valid: a name is missing.",
    `TypeError The selector 'p)' is not valid: ")" is not expected there.`,
  ])
})

test('selectors know escapes, quotes and cases', async (t: TestContext) => {
  const { text } = await answer(`
    const matches = async (selector, markup) => {
      let count = 0
      await new HTMLRewriter().on(selector, { element() { count++ } }).transform(new Response(markup)).text()
      return count
    }
    return Response.json([
      await matches('.sm\\\\:p-1', '<p class="a sm:p-1">'),
      await matches('#\\\\31 0', '<p id=10>'),
      await matches('[a="x]y"]', '<p a="x]y">'),
      await matches("[a='it\\\\'s']", '<p a="it\\'s">'),
      await matches('INPUT[type=TEXT]', '<input type=text>'),
      await matches('p[a=X]', '<p a=x>'),
      await matches('p[a=X I]', '<p a=x>'),
      await matches('li:nth-child( -n + 2 )', '<ul><li></li><li></li></ul><ul><li></li><li></li><li></li></ul>'),
      await matches('a:not(.b, [c]) > i', '<a><i></a><a class=b><i></a><a c><i></a>'),
    ])`)

  t.assert.deepEqual(JSON.parse(text), [1, 1, 1, 1, 1, 0, 1, 4, 1])
})

test('the classes of tokens can be made by nobody else, and work on no other object', async (t: TestContext) => {
  const { text } = await answer(`
    let Element
    await new HTMLRewriter().on('p', { element(p) { Element = p.constructor } }).transform(new Response('<p>')).text()
    const fails = action => { try { action(); return 'none' } catch (error) { return error.name } }
    return new Response([
      fails(() => new Element()),
      fails(() => Element.prototype.remove.call({})),
      'Element' in globalThis,
      Object.keys(Element.prototype).includes('tagName'),
    ])`)

  t.assert.equal(text, 'TypeError,TypeError,false,true')
})
