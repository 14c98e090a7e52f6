/** An app with its packages in one file, which every side can run. */
import { join } from 'node:path'
import { build } from 'esbuild'
import { benchApp } from './comparison.ts'
import { temporaryDirectory } from './server-process.ts'

/** Bundles a file of bench/apps; `define` are texts for the names that it leaves open. */
export async function bundledApp(name: string, define: Record<string, string> = {}): Promise<string> {
  const outfile = join(temporaryDirectory(), `${name}.js`)
  await build({
    entryPoints: [benchApp(name)],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'esnext',
    conditions: ['workerd', 'worker', 'browser'],
    define: Object.fromEntries(
      Object.entries({ 'process.env.NODE_ENV': 'production', ...define }).map(([key, value]) => [
        key,
        JSON.stringify(value),
      ]),
    ),
    logLevel: 'error',
  })
  return outfile
}
