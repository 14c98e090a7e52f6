// Loops when the platform reads its handlers.
// expect: startupError
export default {
  get fetch() {
    for (;;) {}
  },
}
