// A JSON API with Hono from npm: routes, parameters, validation, errors. The notes live as long as the instance.
//   curl -H 'content-type: application/json' -d '{"text":"buy glass"}' http://json-api.localhost:3080/notes
//   curl http://json-api.localhost:3080/notes
import { Hono } from 'hono'

interface Note {
  id: number
  text: string
}

const app = new Hono<{ Bindings: { NOTES_MAX: number } }>()
const notes = new Map<number, Note>()
let lastId = 0

app.get('/', c => c.json({ try: ['GET /notes', 'POST /notes {"text": "…"}', 'DELETE /notes/:id'] }))

app.get('/notes', c => c.json([...notes.values()]))

app.post('/notes', async c => {
  const body: unknown = await c.req.json().catch(() => null)
  const text = (body as Partial<Note> | null)?.text
  if (typeof text !== 'string' || text === '')
    return c.json({ error: 'text must be a non-empty string' }, 400)
  if (notes.size >= c.env.NOTES_MAX) return c.json({ error: 'there are too many notes: delete some' }, 409)
  const note = { id: ++lastId, text }
  notes.set(note.id, note)
  return c.json(note, 201)
})

app.get('/notes/:id', c => {
  const note = notes.get(Number(c.req.param('id')))
  return note ? c.json(note) : c.notFound()
})

app.delete('/notes/:id', c => (notes.delete(Number(c.req.param('id'))) ? c.body(null, 204) : c.notFound()))

app.notFound(c => c.json({ error: `nothing at ${c.req.path}` }, 404))

export default app
