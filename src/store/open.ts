/** Which store a `--store` URL means. */
import { VitrineError } from '../errors.ts'
import { observed } from './observed.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import type { Store } from './store.ts'

/**
 * Opens `sqlite:FILE`, relative to the working directory, or `sqlite::memory:` for state that ends with the
 * process. Rejects with `CONFIG_INVALID` for other URLs and with `STORE_UNUSABLE` for what cannot be opened.
 */
export async function openStore(url: string, options: SqliteOptions = {}): Promise<Store> {
  const file = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(url)?.[1]
  if (file === undefined) {
    throw new VitrineError(
      'CONFIG_INVALID',
      `--store understands sqlite:FILE and sqlite::memory:, not ${JSON.stringify(withoutPassword(url))}`,
    )
  }
  return observed(openSqlite(file, options))
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@')
}
