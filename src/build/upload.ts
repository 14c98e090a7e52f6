/**
 * An upload: everything that one deploy hands to the platform, the same for the HTTP API and for `--apps`.
 *
 * On the wire it is multipart/form-data: a plain field `metadata` (JSON), and for each module a part whose
 * name and filename are the module's name and whose content type says what it is.
 */
import type { BundleModule, ModuleType } from '../bundle.ts'

export interface Upload {
  /** The app's name: a DNS label. */
  name: string
  metadata: UploadMetadata
  /** The main module first. A source map is named `<module>.map`. */
  modules: BundleModule[]
}

/** As it stands in the `metadata` field: exactly one of `main_module` and `body_part` is there. */
export interface UploadMetadata {
  /** Name of the main ES module. */
  main_module?: string
  /** Name of a service worker's script. */
  body_part?: string
  /** `YYYY-MM-DD`. */
  compatibility_date?: string
  compatibility_flags?: string[]
  vars?: Record<string, unknown>
  limits?: { cpu_ms?: number; memory_mb?: number }
  /** Patterns to add to those that the app answers to. */
  routes?: string[]
  /** What the version is about, for `vitrine versions`. */
  message?: string
}

/** How a module's type is written on the wire. */
export const CONTENT_TYPES = {
  esm: 'application/javascript+module',
  script: 'application/javascript',
  text: 'text/plain',
  data: 'application/octet-stream',
  json: 'application/json',
  wasm: 'application/wasm',
  sourcemap: 'application/source-map',
} as const satisfies Record<ModuleType, string>

/** The body of the PUT request that deploys `upload`; its name goes into the URL. */
export function encodeUpload({ metadata, modules }: Upload): FormData {
  const form = new FormData()
  form.append('metadata', JSON.stringify(metadata))
  for (const { name, type, content } of modules) {
    form.append(name, new Blob([content as Uint8Array<ArrayBuffer>], { type: CONTENT_TYPES[type] }), name)
  }
  return form
}
