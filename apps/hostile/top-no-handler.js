// Exports nothing that could answer.
// expect: startupError
export default { fetch: 'a text' }
