/** `caches`. */
export * from '../cache.ts'
