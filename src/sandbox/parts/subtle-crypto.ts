/** crypto.subtle. */
export * from '../subtle-crypto.ts'
