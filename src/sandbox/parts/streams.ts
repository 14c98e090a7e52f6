/** Streams, and all that is made of them. */
export * from '../body-stream.ts'
export * from '../compression-streams.ts'
export * from '../identity-stream.ts'
export * from '../streams.ts'
export * from '../text-streams.ts'
