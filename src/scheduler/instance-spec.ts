/** What a runtime is told about an app: its configuration joined with the platform's limits. */
import type { AppConfig } from '../app-config.ts'
import type { Config } from '../config.ts'
import type { InstanceLimits, InstanceSpec } from '../runtime/messages.ts'

export type LimitsConfig = Pick<
  Config,
  Exclude<keyof InstanceLimits, 'cpuMs' | 'memoryMb'> | 'cpuMs' | 'cpuMsMax' | 'memoryMb' | 'memoryMbMax'
>

/** The app's own limits where it has any, never above the platform's maximum; the platform's elsewhere. */
export function instanceLimits(config: LimitsConfig, app: AppConfig): InstanceLimits {
  return {
    cpuMs: Math.min(app.limits.cpuMs ?? config.cpuMs, config.cpuMsMax),
    startupCpuMs: config.startupCpuMs,
    memoryMb: Math.min(app.limits.memoryMb ?? config.memoryMb, config.memoryMbMax),
    waitUntilMs: config.waitUntilMs,
    subrequests: config.subrequests,
    subrequestsAtOnce: config.subrequestsAtOnce,
    logLinesPerRequest: config.logLinesPerRequest,
    logBytesPerRequest: config.logBytesPerRequest,
    timersMax: config.timersMax,
    responseHeaderBytesMax: config.responseHeaderBytesMax,
    webSocketMessageBytesMax: config.webSocketMessageBytesMax,
  }
}

export interface SpecOptions {
  app: string
  /** Empty for a version that is not deployed yet. */
  version: string
  config: AppConfig
  limits: InstanceLimits
  bundleHash: string
  bundleBytes: number
}

export function instanceSpec({
  app,
  version,
  config,
  limits,
  bundleHash,
  bundleBytes,
}: SpecOptions): InstanceSpec {
  const { main, syntax, compatibilityDate, compatibilityFlags, vars } = config
  return {
    app,
    version,
    main,
    syntax,
    ...(compatibilityDate !== undefined && { compatibilityDate }),
    compatibilityFlags,
    vars,
    limits,
    bundleHash,
    bundleBytes,
  }
}
