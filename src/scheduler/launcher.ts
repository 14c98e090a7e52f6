/**
 * Starts runtime processes, in a thread of its own: until a new process runs its own program, whoever starts it stands
 * still. That takes as long as the system needs to copy the tables of the platform's memory and to find a core for the
 * process: 23 ms, and 51 at most, where all cores were busy and the platform held 200 MB (docs/performance.md).
 */
import { Thread } from '../thread.ts'
import type { LaunchCall, LaunchReply, LaunchSettings, ProcessNews, Yielding } from './launcher-thread.ts'

/** Three for each process; more are refused. */
const PENDING_MAX = 1024

export class Launcher implements AsyncDisposable {
  readonly #thread = new Thread<LaunchCall, LaunchReply>({
    script: new URL('./launcher-thread.ts', import.meta.url),
    name: 'launcher',
    pendingMax: PENDING_MAX,
  })

  /** Starts a process. Resolves to its process id; rejects if the system does not let it. */
  async start(settings: LaunchSettings, yielding: Yielding): Promise<number> {
    const reply = await this.#thread.call({ call: 'start', settings, yielding })
    if ('pid' in reply) return reply.pid
    throw new Error('error' in reply ? reply.error : 'the launcher lost it')
  }

  /**
   * What is new of a process, as soon as there is something. To be asked again until the process has ended: its lines
   * wait meanwhile, and it with them.
   */
  async news(pid: number): Promise<ProcessNews> {
    const reply = await this.#thread.call({ call: 'news', pid }).catch(() => null)
    if (reply !== null && 'lines' in reply) return reply
    // With the thread has gone its pipe, which a process that hangs does not notice.
    this.kill(pid)
    return { lines: [], exit: { code: null, signal: 'the loss of its launcher' } }
  }

  /**
   * Kills a process of whose end there has been no news yet: no other has its id so soon. At once, not by way of the
   * thread, which may be starting another one.
   */
  kill(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }

  /**
   * As `RuntimeProcess.yieldCores`: to list a process' threads takes its locks, and milliseconds where it has a hard time.
   */
  yieldCores(pid: number, nice: number): void {
    this.#thread.call({ call: 'yield', pid, nice }).catch(() => {})
  }

  /** Asks the process to leave. */
  async dismiss(pid: number): Promise<void> {
    await this.#thread.call({ call: 'dismiss', pid }).catch(() => {})
  }

  /** To be called when all processes have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]()
  }
}
