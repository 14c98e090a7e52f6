/** A GraphQL server with queries, mutations, errors, and a subscription over server-sent events. */
import { GraphQLError } from 'graphql'
import { createSchema, createYoga } from 'graphql-yoga'

const notes: { id: number; text: string }[] = []

const yoga = createYoga<{ GREETING: string }>({
  graphqlEndpoint: '/graphql',
  landingPage: false,
  logging: false,
  schema: createSchema<{ GREETING: string }>({
    typeDefs: `
      type Note { id: Int!, text: String! }
      type Query { hello(name: String = "world"): String!, notes: [Note!]!, fails: String }
      type Mutation { addNote(text: String!): Note! }
      type Subscription { countdown(from: Int!): Int! }
    `,
    resolvers: {
      Query: {
        hello: (_, { name }, { GREETING }) => `${GREETING}, ${name}`,
        notes: () => notes,
        fails: () => {
          throw new GraphQLError('as asked', { extensions: { code: 'ASKED' } })
        },
      },
      Mutation: {
        addNote: (_, { text }) => {
          const note = { id: notes.length + 1, text }
          notes.push(note)
          return note
        },
      },
      Subscription: {
        countdown: {
          async *subscribe(_, { from }) {
            for (let i = from; i > 0; i--) {
              await scheduler.wait(5)
              yield { countdown: i }
            }
          },
        },
      },
    },
  }),
})

export default { fetch: yoga.fetch } satisfies ExportedHandler<{ GREETING: string }>
