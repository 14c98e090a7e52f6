// The smallest answer: what is measured is the platform.
export default {
  fetch() {
    return new Response('Hello, world!\n')
  },
}
