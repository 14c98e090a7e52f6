/** Inputs that were read wrongly once, by the property that found them. */

/** JSON that a runtime sends. */
export const RUNTIME_JSON = [
  '{"protocol":{"toString":0,"valueOf":0}}',
  '{"protocol":[[[[]]]]}',
  `{"outcome":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  '{"type":"log","level":{"toString":1}}',
  '{"end":{"reason":null},"untouched":{"length":5}}',
]

/** Frames of a runtime: type, flags, id, payload in hex. */
export const RUNTIME_FRAMES: [type: number, flags: number, id: number, payload: string][][] = [
  // A malformed pong, a malformed start result: whoever waited for them waited for ever.
  [[25, 0, 1, '5b5d']],
  [[20, 0, 2, '5b5d']],
  // Finished, while the body is still to come.
  [[21, 6, 65_536, 'c80000000000000000000000']],
]

/** Wrangler files, each with its name. */
export const WRANGLER_FILES: [name: string, text: string][] = [
  ['wrangler.json', '{"__proto__":{"main":5,"name":[]}}'],
  ['wrangler.json', '{"limits":{"__proto__":{"cpu_ms":"x"}}}'],
  ['wrangler.json', '{"routes":[{"__proto__":{"pattern":"a/*"}}]}'],
  ['wrangler.json', '['.repeat(200_000)],
  ['wrangler.json', `{"vars":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ['wrangler.json', `{"${'k'.repeat(300_000)}":1}`],
  ['wrangler.json', ''],
  ['wrangler.toml', 'compatibility_date = 07:32:00'],
  ['wrangler.toml', `a = ${'['.repeat(20_000)}`],
  ['wrangler.toml', 'name = inf'],
  ['wrangler.toml', '["__proto__"]\nmain = 5'],
]

/** What `vitrine.json` was. */
export const SETTINGS_FILES = ['\0\n', '\u001b[2J']

/** Stacks, and the only source of a map of `a`. */
export const STACKS: [stack: string, source: string][] = [
  [Array(16).fill('a:1:1 '.repeat(170)).join('\n'), 's'.repeat(600)],
  ['a:1:1', '\u001b[2J\u202e'],
  ['a:1:1', 'one\ntwo'],
]

/** What an app threw: texts whose lines an expression took by the square, or that no frame could hold. */
export const THROWN = ['\n'.repeat(300_000), '\0'.repeat(2_000_000), `${'\n at '.repeat(50_000)}`]

/** Bodies of uploads with the boundary `x`. */
export const UPLOADS = [
  '--x\r\nContent-Disposition: form-data; filename="a"\r\nContent-Type: text/plain\r\n\r\n\r\n--x--',
  '--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--',
  '--x\r\n\r\n'.repeat(100),
]
