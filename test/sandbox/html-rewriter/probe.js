/**
 * Rewrites a document as a request says, here and in workerd alike: `{ chunks, elements: [{ selector, element, comments,
 * text, end }], document: { doctype, comments, text, end } }`, where what handlers do is a list of `[method, …arguments]`
 * or `['set', property, value]`. Answers with what was written and what handlers saw, or with the error's class.
 */
export default {
  async fetch(request) {
    const { chunks, elements, document } = await request.json()
    const seen = []
    const act = (token, actions) => {
      for (const [method, ...rest] of actions) {
        if (method === 'set') token[rest[0]] = rest[1]
        else token[method](...rest)
      }
    }
    const handlers = {
      element: actions => element => {
        seen.push(['element', element.tagName, [...element.attributes], element.namespaceURI])
        act(element, actions)
        seen.push(element.removed)
      },
      end: actions => tag => {
        seen.push(['end', tag.name])
        act(tag, actions)
      },
      comments: actions => comment => {
        seen.push(['comment', comment.text])
        act(comment, actions)
      },
      text: (actions, which) => text => {
        seen.push(['text', which, text.text, text.lastInTextNode])
        act(text, actions)
      },
      doctype: () => doctype => void seen.push(['doctype', doctype.name, doctype.publicId, doctype.systemId]),
      documentEnd: actions => end => act(end, actions),
    }
    const rewriter = new HTMLRewriter()
    try {
      for (const [which, { selector, element, comments, text, end }] of elements.entries()) {
        rewriter.on(selector, {
          element:
            (element || end) &&
            (token => {
              handlers.element(element ?? [])(token)
              if (end) token.onEndTag(handlers.end(end))
            }),
          comments: comments && handlers.comments(comments),
          text: text && handlers.text(text, which),
        })
      }
      const { doctype, comments, text, end } = document ?? {}
      if (document)
        rewriter.onDocument({
          doctype: doctype && handlers.doctype(),
          comments: comments && handlers.comments(comments),
          text: text && handlers.text(text, 'document'),
          end: end && handlers.documentEnd(end),
        })
      const { readable, writable } = new TransformStream()
      const written = rewriter.transform(new Response(readable)).text()
      const writer = writable.getWriter()
      const write = async () => {
        for (const chunk of chunks) await writer.write(new TextEncoder().encode(chunk))
        await writer.close()
      }
      write().catch(() => {})
      return Response.json({ written: await written, seen })
    } catch (error) {
      return Response.json({ error: error.name, message: error.message, seen })
    }
  },
}
