/** WebSockets, of both sides. */
export * from '../close-event.ts'
export * from '../websocket.ts'
export * from '../websocket-client.ts'
