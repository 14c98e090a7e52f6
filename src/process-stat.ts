/** What Linux says of a process in one line: /proc/PID/stat, of proc(5). */
import { readFileSync } from 'node:fs'

/** Its fields from the third on, the state. Throws if there is no such process, or the system does not tell. */
export function processStat(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field, in parentheses, may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
