/** The disk below the database fills up, or may no longer be written. */
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '../support/client.ts'
import { benchApp } from '../support/comparison.ts'
import { Platform } from '../support/platform.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { CannotCause, expect, type Fault } from './fault.ts'

const DISK = '16m'
const LARGE_TEXT_LENGTH = 2 ** 20

export const fullDisk = diskFault({
  name: 'full-disk',
  title:
    'the disk is full: apps go on, deploys are refused in a sentence, and go on when there is room again',
  place: smallDisk,
  begin(disk) {
    execFileSync('sh', ['-c', `cat /dev/zero > ${join(disk, 'filler')} 2>/dev/null || true`])
  },
  end(disk) {
    rmSync(join(disk, 'filler'))
  },
  sentence: /does not fit on its disk, which is full: free some space/,
})

/** A mount cannot be made read-only while files on it are open for writing; files that may not be changed fail alike. */
export const readOnlyDisk = diskFault({
  name: 'read-only-disk',
  title: 'the disk may not be written: apps go on, deploys are refused in a sentence, and go on when it may',
  place: () => ({ path: temporaryDirectory(), [Symbol.dispose]() {} }),
  begin(disk) {
    changeAttributes('+i', disk)
  },
  end(disk) {
    changeAttributes('-i', disk)
  },
  sentence: /may not be written: [^"]*|cannot be read or written: [^"]*/,
})

function changeAttributes(change: string, directory: string): void {
  const { status } = spawnSync('chattr', ['-R', change, directory])
  if (status !== 0) throw new CannotCause('files can be made unchangeable on ext4 and xfs only, and as root')
}

type Place = Disposable & { path: string }

interface DiskFault {
  name: string
  title: string
  place(): Place
  begin(disk: string): void
  end(disk: string): void
  /** What a deploy is refused with. */
  sentence: RegExp
}

function diskFault({ name, title, place, begin, end, sentence }: DiskFault): Fault {
  return {
    name,
    title,
    async run() {
      using disk = place()
      await using platform = await Platform.open(join(disk.path, 'vitrine.db'))
      const hello = await platform.deploy('hello', benchApp('hello'))
      using client = new Client(1)
      await client.sendOk(hello)

      begin(disk.path)
      const large = `/* ${'x'.repeat(LARGE_TEXT_LENGTH)} */ export default { fetch() { return new Response('2') } }`
      const refusal = await platform.upload('hello', large).then(
        () => 'nothing',
        (error: Error) => error.message,
      )
      const answer = await client.send(hello)
      end(disk.path)
      expect(`a deploy is refused for that, but: ${refusal}`, sentence.test(refusal))
      expect(`apps go on, but hello answers ${answer.status}`, answer.status === 200)

      await platform.upload('hello', large)
      const { body } = await client.sendOk(hello)
      expect('the next deploy is served', body.toString() === '2')
      return `"${sentence.exec(refusal)?.[0]}"; the next deploy is served`
    },
  }
}

function smallDisk(): Place {
  const path = temporaryDirectory()
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'vitrine-faults', path])
  if (status !== 0) throw new CannotCause('a small disk can be mounted only as root')
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
    },
  }
}
