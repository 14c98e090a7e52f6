// Responds twice.
// expect: ok | exception
addEventListener('fetch', event => {
  event.respondWith(new Response('first'))
  event.respondWith(new Response('second'))
})
