// A WebSocket: each message is answered with how many there were, and "bye" closes.
//   curl -i http://websocket.localhost:3080/ && node -e "new WebSocket('ws://websocket.localhost:3080/').onopen = e => e.target.send('hi')"
export default {
  fetch(request) {
    if (request.headers.get('upgrade') !== 'websocket')
      return new Response('Speak WebSocket.\n', { status: 426 })
    const { 0: client, 1: server } = new WebSocketPair()
    let count = 0
    server.accept()
    server.addEventListener('message', ({ data }) => {
      if (data === 'bye') server.close(1000, 'bye')
      else server.send(`${++count}: ${typeof data === 'string' ? data : `${data.byteLength} bytes`}`)
    })
    return new Response(null, { status: 101, webSocket: client })
  },
}
