import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('a form survives the way through multipart/form-data', async t => {
  await using sandbox = await openFetchSandbox()

  const entries = await sandbox.run(`
    const form = new FormData()
    form.append('text', 'line 1\\nline 2')
    form.append('quo"te\\r\\n', 'h\\u00e9\\ufeff')
    form.append('empty', '')
    form.append('file', new File(['\\r\\n--', 'bytes\\r\\n'], 'a "b".txt', { type: 'text/x' }))
    form.append('blob', new Blob([]))
    new Response(form).formData().then(read => Promise.all([...read].map(async ([name, value]) => typeof value === 'string'
      ? [name, value] : [name, value.name, value.type, await value.text()])))
  `)

  t.assert.deepEqual(entries, [
    ['text', 'line 1\r\nline 2'],
    ['quo"te\r\n', 'hé\ufeff'],
    ['empty', ''],
    ['file', 'a "b".txt', 'text/x', '\r\n--bytes\r\n'],
    ['blob', 'blob', 'application/octet-stream', ''],
  ])
})

test('a form is written as browsers write it', async t => {
  await using sandbox = await openFetchSandbox()

  const written = await sandbox.run(`
    const form = new FormData()
    form.set('a"\\n', 'x')
    form.set('f', new Blob(['y'], { type: 'text/plain' }), 'n\\n')
    const response = new Response(form)
    response.text().then(text => [response.headers.get('content-type'), text])
  `)

  const boundary = '----formdata-070707070707070707070707'
  t.assert.deepEqual(written, [
    `multipart/form-data; boundary=${boundary}`,
    `--${boundary}\r\nContent-Disposition: form-data; name="a%22%0D%0A"\r\n\r\nx\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="n%0A"\r\n` +
      `Content-Type: text/plain\r\n\r\ny\r\n--${boundary}--\r\n`,
  ])
})

test('multipart bodies of other clients are read, broken ones refused', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    const parse = text => new Response(text, { headers: { 'content-type': 'multipart/form-data; boundary="b c"' } })
      .formData().then(form => [...form].map(([name, value]) => [name, value.name ?? value]), error => error.name)
    Promise.all([
      parse('preamble\\r\\n--b c \\r\\ncontent-disposition: Form-Data; filename=f.txt; name=n\\r\\n\\r\\nx\\r\\n--b c--'),
      parse('--b c\\r\\nContent-Type: x/y\\r\\nContent-Disposition: form-data; name="n"\\r\\n\\r\\n\\r\\n--b c--\\r\\nepilogue'),
      parse('--b c--'),
      parse(''),
      parse('--b c\\r\\n\\r\\nx\\r\\n--b c--'),
      parse('--b c\\r\\nContent-Disposition: form-data; name="n"\\r\\n\\r\\nx'),
      parse('--b c\\r\\nContent-Disposition: form-data; name="n\\r\\n\\r\\nx\\r\\n--b c--'),
    ])
  `)

  t.assert.deepEqual(read, [
    [['n', 'f.txt']],
    [['n', '']],
    [],
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
  ])
})

test('urlencoded bodies become forms too, others do not', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    Promise.all([
      new Response(new URLSearchParams('a=1&a=%C3%A9+x')).formData().then(form => form.getAll('a')),
      new Response('a=1').formData().catch(error => error.name),
    ])
  `)

  t.assert.deepEqual(read, [['1', 'é x'], 'TypeError'])
})

test('entries keep their order through set and delete', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const form = new FormData()
    for (const name of ['a', 'b', 'a', 'c']) form.append(name, name)
    form.set('a', 'new')
    form.delete('c')
    ;[[...form], form.has('c'), form.get('none'), String(form)]
  `)

  t.assert.deepEqual(seen, [
    [
      ['a', 'new'],
      ['b', 'b'],
    ],
    false,
    null,
    '[object FormData]',
  ])
})
