/** Whether a request may join those in flight: bounds for each app and for the platform, fair between apps. */

export interface Load {
  /** Of the app: in flight and queued. */
  app: number
  appMax: number
  /** Of all apps. */
  platform: number
  platformMax: number
  /** Apps that have requests in flight or queued, this one included. */
  apps: number
}

/**
 * Null, or why the request is shed. Once the platform is full, only apps beyond an equal share of it are shed:
 * one app's burst never takes another's place. The platform's total stays below twice its bound.
 */
export function refuse(load: Load): 'app_queue_full' | 'platform_queue_full' | null {
  if (load.app >= load.appMax) return 'app_queue_full'
  if (load.platform < load.platformMax) return null
  if (load.platform >= 2 * load.platformMax) return 'platform_queue_full'
  return load.app >= load.platformMax / Math.max(1, load.apps) ? 'platform_queue_full' : null
}
