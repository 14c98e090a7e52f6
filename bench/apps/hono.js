// 50 routes of a small API; what is asked for is among the last.
import { Hono } from 'hono'

const app = new Hono()
for (let i = 0; i < 10; i++) {
  app.get(`/things-${i}`, c => c.json({ list: i }))
  app.get(`/things-${i}/:id`, c => c.json({ thing: i, id: c.req.param('id'), full: c.req.query('full') }))
  app.post(`/things-${i}`, c => c.json({ created: i }, 201))
  app.put(`/things-${i}/:id`, c => c.json({ changed: c.req.param('id') }))
  app.delete(`/things-${i}/:id`, c => c.body(null, 204))
}

export default app
