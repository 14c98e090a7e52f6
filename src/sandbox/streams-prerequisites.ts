/**
 * What the streams library looks for among the globals while it is evaluated: import this before it.
 */
import { DOMException } from './dom-exception.ts'
import { defineProperty } from './primordials.ts'

defineProperty(globalThis, 'DOMException', { value: DOMException, writable: true, configurable: true })
