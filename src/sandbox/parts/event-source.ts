/** EventSource. */
export * from '../event-source.ts'
