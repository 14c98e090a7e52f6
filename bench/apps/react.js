// A page of 50 kB or so, rendered by React for each request and streamed.
import { createElement as h } from 'react'
import { renderToReadableStream } from 'react-dom/server'

const ROWS = Array.from({ length: 300 }, (_, id) => ({
  id,
  name: `User number ${id}`,
  email: `user-${id}@example.com`,
}))

function Row({ id, name, email }) {
  return h(
    'tr',
    { className: id % 2 === 0 ? 'even' : 'odd' },
    h('td', null, id),
    h('td', null, h('a', { href: `/users/${id}`, title: name }, name)),
    h('td', null, h('a', { href: `mailto:${email}` }, email)),
  )
}

function Page() {
  return h(
    'html',
    { lang: 'en' },
    h('head', null, h('title', null, 'Users')),
    h('body', null, h('table', null, h('tbody', null, ...ROWS.map(row => h(Row, { key: row.id, ...row }))))),
  )
}

export default {
  async fetch() {
    const page = await renderToReadableStream(h(Page))
    return new Response(page, { headers: { 'content-type': 'text/html;charset=UTF-8' } })
  },
}
