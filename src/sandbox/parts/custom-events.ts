/** CustomEvent, PromiseRejectionEvent. */
export * from '../custom-events.ts'
