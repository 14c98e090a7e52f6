/** How the relay's process is, as it prints it: a line of numbers. Servers' bytes are read there, so its word is not trusted. */

export interface TlsProcessStatus {
  rssBytes: number
  /** Open, or being opened. */
  connections: number
  /** So far: there were too many, of the app or of all. */
  refused: number
}

const LINE = /(\d{1,15}) (\d{1,15}) (\d{1,15})\n$/

export function statusLine({ rssBytes, connections, refused }: TlsProcessStatus): string {
  return `${rssBytes} ${connections} ${refused}\n`
}

/** The last of the lines that have come at once; null if that is none. */
export function readStatus(text: string): TlsProcessStatus | null {
  const found = LINE.exec(text)
  if (!found) return null
  const [rssBytes, connections, refused] = found.slice(1).map(Number) as [number, number, number]
  return { rssBytes, connections, refused }
}
