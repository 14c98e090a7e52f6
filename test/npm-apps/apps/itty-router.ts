/** itty-router as its documentation has it for Workers. */
import { AutoRouter, cors, error, type IRequest, StatusError, withContent } from 'itty-router'

const { preflight, corsify } = cors({ origin: 'https://example.com', allowMethods: ['GET', 'POST'] })
const router = AutoRouter({
  before: [preflight],
  finally: [corsify],
})

router
  .get('/hello/:name?', ({ params, query }: IRequest, env: { GREETING: string }) => ({
    hello: params.name ?? 'world',
    query,
    greeting: env.GREETING,
  }))
  .post('/echo', withContent, ({ content }: IRequest) => content)
  .get('/teapot', () => error(418, 'short and stout'))
  .get('/throws', () => {
    throw new StatusError(409, { why: 'as asked' })
  })

export default router
