/** tRPC's fetch adapter with inputs that zod checks. */
import { initTRPC, TRPCError } from '@trpc/server'
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { z } from 'zod'

const { router, procedure } = initTRPC.context<{ user: string | null }>().create()

const appRouter = router({
  greet: procedure
    .input(z.object({ name: z.string().min(2).max(20), times: z.number().int().positive().default(1) }))
    .query(({ input }) => `Hello ${input.name}`.repeat(input.times)),
  me: procedure.query(({ ctx }) => {
    if (ctx.user === null) throw new TRPCError({ code: 'UNAUTHORIZED' })
    return { user: ctx.user }
  }),
  add: procedure.input(z.tuple([z.number(), z.number()])).mutation(({ input: [a, b] }) => a + b),
})

export default {
  fetch: request =>
    fetchRequestHandler({
      endpoint: '/trpc',
      req: request,
      router: appRouter,
      createContext: ({ req }) => ({ user: req.headers.get('x-user') }),
    }),
} satisfies ExportedHandler
