/**
 * MessageChannel (https://html.spec.whatwg.org/#message-channels), within one isolate: messages are copied when they
 * are posted, and delivered in tasks of their own on behalf of the request that posted them.
 */
import { host } from './current-host.ts'
import { dispatchTrusted, EventTarget, eventHandler, setEventHandler } from './event-target.ts'
import { MessageEvent } from './message-event.ts'
import { arrayPush, arrayShift, isArray, symbolIterator } from './primordials.ts'
import { cloneWithTransfer, registerTransferable } from './structured-clone.ts'
import { dataCloneError } from './structured-serialize.ts'
import {
  defineInterface,
  internally,
  isObject,
  iteratorMethod,
  onlyInternally,
  requireArguments,
  sequence,
} from './webidl.ts'

/** What stays the same when a port is transferred. */
interface Pipe {
  port: MessagePort | null
  peer: Pipe | null
  queue: { data: unknown; ports: object[] }[]
  isStarted: boolean
  isScheduled: boolean
}

let pipeOf: (port: MessagePort) => Pipe | null
let detach: (port: MessagePort) => Pipe | null
let attach: (pipe: Pipe) => MessagePort
let isMessagePort: (value: object) => value is MessagePort

export class MessagePort extends EventTarget {
  /** null: it was closed or transferred. */
  #pipe: Pipe | null = null

  constructor() {
    onlyInternally(arguments[0])
    super()
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    const pipe = this.#pipe
    const context = "Failed to execute 'postMessage' on 'MessagePort'"
    requireArguments(arguments.length, 1, context)
    const transfer = transferList(options, context)
    for (let i = 0; i < transfer.length; i++) {
      if (transfer[i] === this)
        throw dataCloneError(`${context}: A port cannot be transferred through itself.`)
    }
    const copy = cloneWithTransfer(message, transfer, context)
    const to = pipe?.peer
    if (!to) return
    const ports: object[] = []
    for (let i = 0; i < copy.transferred.length; i++) {
      if (isMessagePort(copy.transferred[i]!)) arrayPush(ports, copy.transferred[i]!)
    }
    arrayPush(to.queue, { data: copy.value, ports })
    schedule(to)
  }

  start(): void {
    const pipe = this.#pipe
    if (pipe === null) return
    pipe.isStarted = true
    schedule(pipe)
  }

  /** Messages that have been posted already still arrive. */
  close(): void {
    const pipe = this.#pipe
    this.#pipe = null
    if (pipe?.peer) {
      pipe.peer.peer = null
      pipe.peer = null
    }
  }

  get onmessage(): object | null {
    void this.#pipe
    return eventHandler(this, 'message')
  }

  set onmessage(value: unknown) {
    const pipe = this.#pipe
    setEventHandler(this, 'message', value)
    if (pipe) this.start()
  }

  get onmessageerror(): object | null {
    void this.#pipe
    return eventHandler(this, 'messageerror')
  }

  set onmessageerror(value: unknown) {
    void this.#pipe
    setEventHandler(this, 'messageerror', value)
  }

  static {
    isMessagePort = (value): value is MessagePort => #pipe in value
    pipeOf = port => port.#pipe
    detach = port => {
      const pipe = port.#pipe
      port.#pipe = null
      if (pipe) pipe.port = null
      return pipe
    }
    attach = pipe => {
      const port = new (MessagePort as new (key: symbol) => MessagePort)(internally)
      port.#pipe = pipe
      pipe.port = port
      return port
    }
  }
}

defineInterface('MessagePort', MessagePort)

/** The second argument: a list, or a dictionary that has one. */
function transferList(options: unknown, context: string): object[] {
  if (!isObject(options)) {
    if (options === undefined || options === null) return []
    throw new TypeError(`${context}: parameter 2 is neither a sequence nor a dictionary.`)
  }
  const method = isArray(options) ? options[symbolIterator as never] : iteratorMethod(options)
  const list = method === undefined ? (options as { transfer?: unknown }).transfer : options
  if (list === undefined) return []
  const item = (value: unknown) => {
    if (!isObject(value)) throw new TypeError(`${context}: A member of transfer is not of type 'object'.`)
    return value
  }
  return sequence(list, item, context)
}

/** One message a task, and no more than one task of a port waits. */
function schedule(pipe: Pipe): void {
  if (pipe.isScheduled || !pipe.isStarted || pipe.queue.length === 0) return
  pipe.isScheduled = true
  const { port } = pipe
  host.setTimer(() => {
    pipe.isScheduled = false
    // It may have been transferred meanwhile, with all that waits for it.
    if (pipe.port !== port || port === null) return
    const message = arrayShift(pipe.queue)
    if (message === undefined) return
    schedule(pipe)
    dispatchTrusted(port, new MessageEvent('message', message))
  }, 0)
}

registerTransferable({
  is: isMessagePort,
  canMove: port => pipeOf(port as MessagePort) !== null,
  move: port => {
    const pipe = detach(port as MessagePort)!
    pipe.isStarted = false
    pipe.isScheduled = false
    return attach(pipe)
  },
})

export class MessageChannel {
  readonly #port1: MessagePort
  readonly #port2: MessagePort

  constructor() {
    const one: Pipe = { port: null, peer: null, queue: [], isStarted: false, isScheduled: false }
    const two: Pipe = { port: null, peer: one, queue: [], isStarted: false, isScheduled: false }
    one.peer = two
    this.#port1 = attach(one)
    this.#port2 = attach(two)
  }

  get port1(): MessagePort {
    return this.#port1
  }

  get port2(): MessagePort {
    return this.#port2
  }
}

defineInterface('MessageChannel', MessageChannel)
