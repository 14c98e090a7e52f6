/** Forms on the wire. */
export * from '../form-data-coding.ts'
