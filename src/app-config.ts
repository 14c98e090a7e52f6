/** The configuration of one version of an app, as the control API validated it and the store keeps it. */
export interface AppConfig {
  /** The bundle's main module. */
  main: string
  /** `module`: `export default {…}`. `service-worker`: `addEventListener('fetch', …)`. */
  syntax: 'module' | 'service-worker'
  /** `YYYY-MM-DD`. */
  compatibilityDate?: string
  compatibilityFlags: string[]
  /** Plain-text and JSON variables, as they appear in `env`. */
  vars: Record<string, unknown>
  /** What differs from the platform's limits; never above the platform's maximum. */
  limits: AppLimits
}

export interface AppLimits {
  cpuMs?: number
  memoryMb?: number
}
