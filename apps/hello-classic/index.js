// The older syntax: a service worker, one script that listens for the event "fetch".
//   curl http://hello-classic.localhost:3080/
addEventListener('fetch', event => {
  event.respondWith(answer(event.request))
})

async function answer(request) {
  return new Response(`Hello from a service worker, by ${request.method}.\n`)
}
