/** The same documents, rewritten here and by workerd. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { type Peer, startWorkerd } from '../../../bench/support/peers.ts'
import { holds } from '../../fuzz/property.ts'
import { startRuntime, type TestRuntime } from '../../support/runtime.ts'

const PROBE = fileURLToPath(new URL('probe.js', import.meta.url))

interface Answer {
  written?: string
  error?: string
  seen: unknown[]
}

let peer: Peer
let runtime: TestRuntime
let instance: number

before(async () => {
  peer = await startWorkerd(PROBE)
  runtime = await startRuntime()
  instance = (await runtime.start(readFileSync(PROBE, 'utf8'), { limits: { cpuMs: 5000 } })).instance
})

after(async () => {
  await runtime[Symbol.asyncDispose]()
  await peer[Symbol.asyncDispose]()
})

const MARKUP = [
  ...[
    '<div>',
    '</div>',
    '<p class="a b" id=x>',
    '<P>',
    '</p>',
    '<br>',
    '<br/>',
    '<img src=a/>',
    '<img src="a"/>',
  ],
  ...[
    "<a href='/x?a&b' B>",
    '</a>',
    '<a =x y=>',
    '<b c = "d" c=e/>',
    '</b x>',
    '<x-y:z data-a="é">',
    '</x-y:z>',
  ],
  ...[
    '<script>',
    '</script>',
    '<!--',
    '-->',
    '--!>',
    '<!-->',
    '<!--->',
    '<!---->',
    '<!- x>',
    '<!doctype html>',
  ],
  ...[
    '<!DOCTYPE a PUBLIC "b" \'c\'>',
    '<title>',
    '</title>',
    '<textarea>',
    '</textarea >',
    '<style>',
    '</style>',
  ],
  ...[
    '<svg>',
    '<svg/>',
    '</svg>',
    '<foreignObject>',
    '</foreignObject>',
    '<circle/>',
    '<math>',
    '</math>',
    '<mi>',
  ],
  ...[
    '</mi>',
    '<annotation-xml encoding="text/html">',
    '</annotation-xml>',
    '<font color=red>',
    '<font>',
    '<desc>',
  ],
  ...[
    '<![CDATA[',
    ']]>',
    ']',
    '<select>',
    '</select>',
    '<template>',
    '</template>',
    '<option>',
    '<li>',
    '<ul>',
  ],
  ...[
    '</',
    '<',
    '</>',
    '</ x>',
    '<?php x ?>',
    '<1>',
    '&amp;',
    '&',
    'text',
    ' ',
    '\n',
    'é',
    '🎉',
    '日本',
    '-',
    '>',
    '"',
  ],
  ...[
    '<iframe>',
    '</iframe>',
    '<noscript>',
    '</noscript>',
    '<input>',
    '</br>',
    '<table><tr><td>',
    '</table>',
  ],
]

const SELECTORS = [
  ...['*', 'p', 'div p', 'div > p', 'svg *', '.a', '#x', 'p.a.b', '[href]', '[href^="/"]', '[href*="a&b" i]'],
  ...[
    'p:not(.a)',
    'li:nth-child(2n+1)',
    'p:nth-of-type(2)',
    ':first-child',
    'div, p',
    'a[href$=b]',
    '[C="D" i]',
  ],
  ...[
    '*:not(p):not(div)',
    'x-y\\:z',
    'P',
    'ul li',
    'br',
    'title',
    'script',
    '[src~=a]',
    '[data-a|="é"]',
    '[y=""]',
  ],
]

const html = fc.boolean().map(isHtml => ({ html: isHtml }))
const insertion = fc
  .tuple(fc.constantFrom('before', 'after', 'replace', 'prepend', 'append', 'setInnerContent'), html)
  .map(([method, options]) => [method, `<${method}>é&`, options])
const elementAction = fc.oneof(
  insertion,
  fc.constantFrom(['remove'], ['removeAndKeepContent'], ['set', 'tagName', 'new'], ['removeAttribute', 'C']),
  fc.constantFrom(
    ['setAttribute', 'class', 'a"b\'&<'],
    ['setAttribute', 'New', ''],
    ['removeAttribute', 'href'],
  ),
)
const around = fc
  .tuple(fc.constantFrom('before', 'after'), html)
  .map(([method, options]) => [method, `<${method}>`, options])
const commentAction = fc.oneof(
  around,
  fc.constantFrom(['remove'], ['set', 'text', ' new '], ['replace', 'r', {}]),
)
const actions = <T>(action: fc.Arbitrary<T>) =>
  fc.option(fc.array(action, { maxLength: 3 }), { nil: undefined })
/** Where a text is cut into pieces is free, so nothing is written for each piece. */
const textActions = fc.option(fc.constantFrom([], [['remove']]), { nil: undefined })

const rewriting = fc.record({
  chunks: fc.array(
    fc.array(fc.constantFrom(...MARKUP), { maxLength: 12 }).map(pieces => pieces.join('')),
    { minLength: 1, maxLength: 4 },
  ),
  cut: fc.nat(200),
  elements: fc.array(
    fc.record({
      selector: fc.constantFrom(...SELECTORS),
      element: actions(elementAction),
      comments: actions(commentAction),
      text: textActions,
      end: actions(fc.oneof(around, fc.constantFrom(['remove'], ['set', 'name', 'new']))),
    }),
    { maxLength: 4 },
  ),
  document: fc.record({
    doctype: fc.boolean(),
    comments: actions(commentAction),
    text: textActions,
    end: actions(fc.constantFrom(['append', '<end>'], ['append', '<end>', { html: true }])),
  }),
})

test('HTMLRewriter writes and tells what workerd’s does, for any document and any handlers', async () => {
  await holds(rewriting, { runs: 300 }, async ({ cut, chunks, ...rest }) => {
    const [first = '', ...others] = chunks
    const spec = { chunks: [first.slice(0, cut), first.slice(cut), ...others].map(wellFormed), ...rest }
    const [ours, theirs] = await Promise.all([askVitrine(spec), askWorkerd(spec)])
    assert.deepEqual(comparable(ours), comparable(theirs))
  })
})

const wellFormed = (text: string) => text.toWellFormed()

async function askWorkerd(spec: object): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${peer.target.port}/`, {
    method: 'POST',
    body: JSON.stringify(spec),
  })
  return (await response.json()) as Answer
}

async function askVitrine(spec: object): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(spec))
  const answer = await runtime.fetch(instance, 'http://app.test/', { method: 'POST', body, hasBody: true })
  return JSON.parse(answer.body.toString()) as Answer
}

/** Each handler's texts in one piece; without an error's words, and the texts that it may have come before. */
function comparable({ written, error, seen }: Answer): object {
  const joined: unknown[] = []
  let texts: Record<string, string> = {}
  for (const entry of error === undefined ? [...seen, null] : seen) {
    if (Array.isArray(entry) && entry[0] === 'text') {
      const [, which, text, isLast] = entry as [string, string, string, boolean]
      texts[which] = `${texts[which] ?? ''}${text}${isLast ? '|' : ''}`
    } else {
      joined.push(texts, entry)
      texts = {}
    }
  }
  return { written, error, seen: joined }
}
