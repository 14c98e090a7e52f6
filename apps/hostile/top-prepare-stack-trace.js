// Loops at start-up when somebody reads the stack of what was thrown.
// expect: startupError
Error.prepareStackTrace = () => {
  for (;;) {}
}
throw new Error('read my stack')

export default { fetch: () => new Response('started') }
