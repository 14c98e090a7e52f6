// A form with files, read with request.formData() and described as JSON; form.html is a text module.
//   curl -F title=Report -F file=@README.md http://upload.localhost:3080/
import form from './form.html'

export default {
  async fetch(request) {
    if (request.method !== 'POST')
      return new Response(form, { headers: { 'content-type': 'text/html; charset=utf-8' } })
    let data
    try {
      data = await request.formData()
    } catch (error) {
      return Response.json({ error: `send a form: ${error.message}` }, { status: 400 })
    }
    const fields = await Promise.all([...data].map(describe))
    return Response.json({ fields })
  },
}

async function describe([name, value]) {
  if (typeof value === 'string') return { name, text: value }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await value.arrayBuffer()))
  const sha256 = [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return { name, file: value.name, type: value.type, bytes: value.size, sha256 }
}
