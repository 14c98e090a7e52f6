/** How large a message of a WebSocket may be: apart from websocket.ts, which only apps with sockets load. */
let bytesMax = 0

export function limitWebSockets(limits: { webSocketMessageBytesMax: number }): void {
  bytesMax = limits.webSocketMessageBytesMax
}

export function messageBytesMax(): number {
  return bytesMax
}
