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
import { defineProperty, getPrototypeOf, setPrototypeOf } from './primordials.ts'

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
  for (const [name, Class] of Object.entries(classes)) {
    defineProperty(Class, 'name', { value: name, configurable: true })
  }
}

/** The library's iterators inherit from nothing and have a `Symbol.asyncIterator` of their own instead. */
function fixAsyncIterator(): void {
  const prototype = getPrototypeOf(new ReadableStream().values())
  const generator = getPrototypeOf(async function* () {}.prototype)
  setPrototypeOf(prototype, getPrototypeOf(generator))
  delete prototype[Symbol.asyncIterator]
}
