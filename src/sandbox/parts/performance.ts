/** `performance`, its marks and measures. */
export * from '../performance.ts'
export * from '../performance-timeline.ts'
export * from '../user-timing.ts'
