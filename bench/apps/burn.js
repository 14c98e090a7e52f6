// Computes until it is stopped.
export default {
  fetch() {
    let sum = 0
    for (let i = 0; ; i = (i + 1) | 0) sum = (sum * 31 + i) | 0
  },
}
