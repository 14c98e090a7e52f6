// TypeScript in several files, bundled on deploy. When the code throws, the stack names the lines written here.
//   curl 'http://typescript.localhost:3080/?colour=%23663399'
import { Colour, formats } from './colour.ts'

export default {
  fetch(request: Request): Response {
    const text = new URL(request.url).searchParams.get('colour') ?? '#663399'
    const colour = Colour.parse(text)
    if (colour === null) return Response.json({ error: `${text} is no colour like #663399` }, { status: 400 })
    return Response.json(formats(colour))
  },
}
