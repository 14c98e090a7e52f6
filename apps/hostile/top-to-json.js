// Makes every array say forty million characters when the platform turns it into JSON.
// expect: ok | startupError
Array.prototype.toJSON = () => 'x'.repeat(4e7)

export default { fetch: () => new Response('answered') }
