/** Files of a project's directory, without what never belongs to an app. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { VitrineError } from '../errors.ts'

const FILES_MAX = 10_000

/**
 * Paths relative to `root`, sorted, with slashes. Dependencies, hidden files and links are left out.
 * Throws `BUILD_FAILED` where there are more than 10,000.
 */
export function filesUnder(root: string): string[] {
  const files: string[] = []
  const visit = (directory: string) => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) files.push(path)
      if (files.length > FILES_MAX)
        throw new VitrineError(
          'BUILD_FAILED',
          `${root} has more than ${FILES_MAX} files: set base_dir to the directory of the app's modules`,
        )
    }
  }
  visit('')
  return files.sort()
}
