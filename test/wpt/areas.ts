/** The areas of the Web Platform Tests that count for apps, and how far two other engines get in them. */

export interface Area {
  name: string
  /** Directories or files of the checkout. */
  paths: readonly string[]
  /** Of those, what is not about apps: it needs a page, a worker of its own, or wptserve's handlers. */
  without?: readonly RegExp[]
  /** Subtests counted, and the shares passed, in %, by workerd 1.20261117 and Node 26. */
  reference: { subtests: number; workerd: number; node: number }
}

const area = (
  name: string,
  paths: string | readonly string[],
  [subtests, workerd, node]: readonly [number, number, number],
  without: readonly RegExp[] = [],
): Area => ({
  name,
  paths: typeof paths === 'string' ? [paths] : paths,
  without,
  reference: { subtests, workerd, node },
})

export const AREAS: readonly Area[] = [
  area('url', 'url', [2113, 94.3, 99.5]),
  area('urlpattern', 'urlpattern', [727, 100, 100]),
  area('encoding', 'encoding', [11708, 99.1, 99.3]),
  area('streams', 'streams', [1393, 66.5, 83.0]),
  area('compression', 'compression', [324, 66.7, 94.8]),
  area('fetch-headers', 'fetch/api/headers', [130, 60.8, 79.2]),
  area('fetch-request', 'fetch/api/request', [322, 76.4, 83.2]),
  area('fetch-response', 'fetch/api/response', [225, 90.2, 96.9]),
  area('fetch-body-abort-basic', ['fetch/api/body', 'fetch/api/abort', 'fetch/api/basic'], [212, 86, 99]),
  area('fetch-data-urls', 'fetch/data-urls', [154, 63.6, 100]),
  area('fetch-idl', 'fetch/api/idlharness.https.any.js', [152, 46.1, 9.9]),
  area('formdata', 'xhr/formdata', [39, 89.7, 100]),
  area('fileapi', 'FileAPI', [476, 62.6, 66.0]),
  area('wasm-jsapi', 'wasm/jsapi', [686, 71.1, 89.7]),
  area('dom-events', 'dom/events', [41, 80.5, 95.1]),
  area('dom-abort', 'dom/abort', [35, 100, 100]),
  area(
    'structured-clone',
    [
      'html/webappapis/structured-clone',
      'html/infrastructure/safe-passing-of-structured-data/messagechannel.any.js',
    ],
    [276, 88.4, 97.1],
  ),
  area('message-channels', 'webmessaging/message-channels', [12, 50, 75]),
  area('timers-microtask', ['html/webappapis/timers', 'html/webappapis/microtask-queuing'], [15, 87, 93]),
  area('console', 'console', [51, 80.4, 100]),
  area('hr-time', 'hr-time', [36, 58.3, 50]),
  area('user-timing', 'user-timing', [117, 7.7, 71.8]),
  area('performance-timeline', 'performance-timeline', [99, 4, 36.4]),
  area('mimesniff', 'mimesniff', [1898, 67.7, 54.3]),
  area('atob-btoa', 'html/webappapis/atob', [380, 100, 100]),
  area('webcrypto', 'WebCryptoAPI', [26628, 95, 99.7]),
  area('webidl', 'webidl', [301, 48.2, 97.7]),
]
