/**
 * What of the globals comes with a part, by the part's name. An app that names something of a part finds the part loaded
 * before its code runs: it has the interfaces as the standard has them, and they have the built-ins as they were.
 * Who comes by a name in another way (`globalThis['Web' + 'Socket']`) loads the part with that.
 */
export const DEFERRED: Readonly<Record<string, Deferred>> = {
  cache: { interfaces: ['Cache', 'CacheStorage'], members: ['caches'] },
  'custom-events': { interfaces: ['CustomEvent', 'PromiseRejectionEvent'], members: [] },
  'digest-stream': { interfaces: [], members: ['DigestStream'] },
  'event-source': { interfaces: ['EventSource'], members: [] },
  'html-rewriter': { interfaces: ['HTMLRewriter'], members: [] },
  performance: {
    interfaces: [
      'Performance',
      'PerformanceEntry',
      'PerformanceMark',
      'PerformanceMeasure',
      'PerformanceObserver',
      'PerformanceObserverEntryList',
    ],
    members: ['performance'],
  },
  streams: {
    interfaces: [
      'ByteLengthQueuingStrategy',
      'CompressionStream',
      'CountQueuingStrategy',
      'DecompressionStream',
      'FixedLengthStream',
      'IdentityTransformStream',
      'ReadableByteStreamController',
      'ReadableStream',
      'ReadableStreamBYOBReader',
      'ReadableStreamBYOBRequest',
      'ReadableStreamDefaultController',
      'ReadableStreamDefaultReader',
      'TextDecoderStream',
      'TextEncoderStream',
      'TransformStream',
      'TransformStreamDefaultController',
      'WritableStream',
      'WritableStreamDefaultController',
      'WritableStreamDefaultWriter',
    ],
    members: [],
  },
  'structured-clone': { interfaces: ['MessageChannel', 'MessagePort'], members: ['structuredClone'] },
  'subtle-crypto': { interfaces: ['SubtleCrypto'], members: ['subtle'] },
  'url-pattern': { interfaces: ['URLPattern'], members: [] },
  websocket: { interfaces: ['CloseEvent', 'WebSocket', 'WebSocketPair'], members: [] },
}

export interface Deferred {
  /** Constructors among the globals. */
  interfaces: readonly string[]
  /** What else is named by who uses the part. */
  members: readonly string[]
}

/** The parts that code names. */
export function namedParts(code: string): string[] {
  const named: string[] = []
  for (const [part, { interfaces, members }] of Object.entries(DEFERRED)) {
    if ([...interfaces, ...members].some(name => code.includes(name))) named.push(part)
  }
  return named
}
