/**
 * IDNA: host names that are not plain ASCII. Heavy for the tables of UTS #46.
 */
import { toASCII } from 'tr46'

/** The URL standard's "domain to ASCII", not strict; null if it fails. */
export function domainToASCII(domain: string): string | null {
  return toASCII(domain, {
    checkHyphens: false,
    checkBidi: true,
    checkJoiners: true,
    useSTD3ASCIIRules: false,
    transitionalProcessing: false,
    verifyDNSLength: false,
    ignoreInvalidPunycode: false,
  })
}
