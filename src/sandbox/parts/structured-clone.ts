/** Structured clones, and the messages that are made of them. */
export * from '../message-channel.ts'
export * from '../structured-clone.ts'
export * from '../structured-serialize.ts'
