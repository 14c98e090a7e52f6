/** DigestStream. */
export * from '../digest-stream.ts'
