/** Tokens signed, verified, encrypted and refused. */
import {
  CompactEncrypt,
  calculateJwkThumbprint,
  compactDecrypt,
  createLocalJWKSet,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
} from 'jose'

const SECRET = new TextEncoder().encode('a secret of at least 32 bytes, as HS256 wants')

async function signed(alg: string): Promise<object> {
  const keys = alg === 'HS256' ? null : await generateKeyPair(alg, { extractable: true })
  const token = await new SignJWT({ admin: true })
    .setProtectedHeader({ alg, kid: 'one' })
    .setIssuedAt()
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(keys?.privateKey ?? SECRET)
  if (keys === null) return (await jwtVerify(token, SECRET)).payload
  const jwk = await exportJWK(keys.publicKey)
  const set = createLocalJWKSet({ keys: [{ ...jwk, alg, kid: 'one' }] })
  const { payload, protectedHeader } = await jwtVerify(token, set)
  return {
    sub: payload.sub,
    alg: protectedHeader.alg,
    thumbprint: (await calculateJwkThumbprint(jwk)).length,
  }
}

async function encrypted(alg: string, enc: string): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  const text = await new CompactEncrypt(new TextEncoder().encode('a secret text'))
    .setProtectedHeader({ alg, enc })
    .encrypt(publicKey)
  return new TextDecoder().decode((await compactDecrypt(text, privateKey)).plaintext)
}

/** RFC 7515, appendix A.1: a token that somebody else has signed. */
async function fromTheStandard(): Promise<object> {
  const key = await importJWK({
    kty: 'oct',
    alg: 'HS256',
    k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  })
  const token =
    'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const { payload } = await jwtVerify(token, key, { currentDate: new Date(1_300_819_000_000) })
  return payload
}

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    const [, what, alg = '', enc = ''] = pathname.split('/')
    try {
      if (what === 'sign') return Response.json(await signed(alg))
      if (what === 'encrypt') return new Response(await encrypted(alg, enc))
      if (what === 'standard') return Response.json(await fromTheStandard())
      const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? ''
      return Response.json((await jwtVerify(token, SECRET)).payload)
    } catch (error) {
      if (error instanceof errors.JOSEError) return Response.json({ code: error.code }, { status: 401 })
      throw error
    }
  },
} satisfies ExportedHandler
