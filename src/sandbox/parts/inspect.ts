/** How the console shows what is no string. */
export * from '../console-table.ts'
export * from '../inspect.ts'
export * from '../inspect-layout.ts'
export * from '../inspect-names.ts'
