// 10 kB of JSON, written anew for each request.
const users = Array.from({ length: 100 }, (_, id) => ({
  id,
  name: `User number ${id}`,
  email: `user-${id}@example.com`,
  active: id % 3 === 0,
  tags: ['alpha', 'beta'],
}))

export default {
  fetch() {
    return Response.json({ users })
  },
}
