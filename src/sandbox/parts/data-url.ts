/** What fetch() reads data: URLs with. */
export * from '../data-url.ts'
