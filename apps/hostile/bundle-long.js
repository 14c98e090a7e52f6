// Has a bundle of 24 MB, which has to be carried anew whenever it has brought its instance down.
// expect: exceededCpu
// bundle: 24000000
// times: 2
export default {
  fetch() {
    for (;;) {}
  },
}
