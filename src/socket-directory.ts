/**
 * Where the sockets of a platform's runtime processes lie. A platform that was killed could not remove its
 * directory; the next one to start does. A directory's name tells whose it is: the process' id, and when it began.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processStat } from './process-stat.ts'

/** The path of a socket may not be longer than 107 bytes: no room for a deep directory. */
const PARENT_CHARS_MAX = 56

const NAME = /^vitrine-(\d+)\.([0-9a-z]+)-\w{6}$/

/** Makes a directory that only this user enters, and removes those of platforms that are no more. */
export async function openSocketDirectory(): Promise<string> {
  const parent = tmpdir().length <= PARENT_CHARS_MAX ? tmpdir() : '/tmp'
  await sweep(parent)
  return await mkdtemp(join(parent, `vitrine-${process.pid}.${beginningOf(process.pid)}-`))
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid, beginning] = NAME.exec(name) ?? []
    if (pid === undefined || beginningOf(Number(pid)) === beginning) continue
    // Another user's is not ours to remove.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
}

/** When a process began, in ticks since the system did; empty if there is none; `x` where the system does not tell. */
function beginningOf(pid: number): string {
  try {
    // The 22nd field.
    return Number(processStat(pid)[19]).toString(36)
  } catch {
    return isAlive(pid) ? 'x' : ''
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
