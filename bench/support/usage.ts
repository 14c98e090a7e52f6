/** What processes use, as Linux counts it in /proc. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { processStat } from '../../src/process-stat.ts'

export interface Memory {
  /** Sum of resident memory; pages that several processes share count in each. */
  rssBytes: number
  /** Proportional: pages that n processes share count 1/n in each. */
  pssBytes: number
}

let ticksPerSecond = 0
const PAGE_BYTES = 4096

/** A process and all its descendants, itself first, then by age. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const id = Number(name)
    const parent = Number.isInteger(id) ? Number(statFields(id)?.[1]) : Number.NaN
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), id])
  }
  const tree = [pid]
  for (const id of tree) tree.push(...(children.get(id) ?? []).sort((a, b) => a - b))
  return tree
}

/** User and system time of all their threads so far, in ms. Processes that have ended count nothing. */
export function cpuMs(pids: readonly number[]): number {
  ticksPerSecond ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  let ticks = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    if (fields) ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks * 1000) / ticksPerSecond
}

/** The same of a process' children that have ended. */
export function endedChildrenCpuMs(pid: number): number {
  ticksPerSecond ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const fields = statFields(pid)
  return fields ? ((Number(fields[13]) + Number(fields[14])) * 1000) / ticksPerSecond : 0
}

/** Resident memory of all of them, without the cost of looking at each mapping. */
export function residentBytes(pids: readonly number[]): number {
  let pages = 0
  for (const pid of pids) pages += Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0)
  return pages * PAGE_BYTES
}

export function memory(pids: readonly number[]): Memory {
  let rssBytes = 0
  let pssBytes = 0
  for (const pid of pids) {
    const rollup = read(`/proc/${pid}/smaps_rollup`) ?? ''
    rssBytes += kilobytes(rollup, 'Rss') * 1024
    pssBytes += kilobytes(rollup, 'Pss') * 1024
  }
  return { rssBytes, pssBytes }
}

function kilobytes(rollup: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0)
}

/** Null for a process that has gone. */
function statFields(pid: number): string[] | null {
  try {
    return processStat(pid)
  } catch {
    return null
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return null
  }
}
