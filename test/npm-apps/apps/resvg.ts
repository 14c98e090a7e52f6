/** A picture drawn by Rust: a module that wasm-bindgen made, imported as .wasm. */
import { initWasm, Resvg } from '@resvg/resvg-wasm'
import wasm from '@resvg/resvg-wasm/index_bg.wasm'

let ready: Promise<void> | undefined

export default {
  async fetch(request) {
    ready ??= initWasm(wasm)
    await ready
    const svg = await request.text()
    const rendered = new Resvg(svg, { fitTo: { mode: 'width', value: 64 } }).render()
    const png = new Uint8Array(rendered.asPng())
    rendered.free()
    return new Response(png, { headers: { 'content-type': 'image/png' } })
  },
} satisfies ExportedHandler
