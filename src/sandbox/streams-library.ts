/** The classes of the Streams standard: web-streams-polyfill, with what it leaves to be put right. */
import './streams-prerequisites.ts'
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill'
import { defineProperty, getPrototypeOf, ownKeys, setPrototypeOf } from './primordials.ts'

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
}

nameClasses()
fixAsyncIterator()

/** The bundle's minifier renames the library's classes, which say nothing of their names themselves. */
function nameClasses(): void {
  const classes = {
    ByteLengthQueuingStrategy,
    CountQueuingStrategy,
    ReadableByteStreamController,
    ReadableStream,
    ReadableStreamBYOBReader,
    ReadableStreamBYOBRequest,
    ReadableStreamDefaultController,
    ReadableStreamDefaultReader,
    TransformStream,
    TransformStreamDefaultController,
    WritableStream,
    WritableStreamDefaultController,
    WritableStreamDefaultWriter,
  }
  const names = ownKeys(classes) as (keyof typeof classes)[]
  for (let i = 0; i < names.length; i++) {
    defineProperty(classes[names[i]!], 'name', { value: names[i], configurable: true })
  }
}

/** The library's iterators inherit from nothing and have a `Symbol.asyncIterator` of their own instead. */
function fixAsyncIterator(): void {
  const prototype = getPrototypeOf(new ReadableStream().values())
  const generator = getPrototypeOf(async function* () {}.prototype)
  setPrototypeOf(prototype, getPrototypeOf(generator))
  delete prototype[Symbol.asyncIterator]
}
