// Routes, parameters and errors with itty-router from npm, in 1 kB.
//   curl http://router.localhost:3080/convert/100/km
import { AutoRouter, error } from 'itty-router'

const UNITS = { km: ['mi', 0.621371], mi: ['km', 1.609344], kg: ['lb', 2.204623], lb: ['kg', 0.453592] }

const router = AutoRouter()

router
  .get('/', () => ({ try: Object.keys(UNITS).map(unit => `/convert/100/${unit}`) }))
  .get('/convert/:amount/:unit', ({ amount, unit }) => {
    const value = Number(amount)
    if (Number.isNaN(value)) return error(400, `${amount} is no number`)
    if (!Object.hasOwn(UNITS, unit)) return error(404, `no such unit: ${unit}`)
    const [to, factor] = UNITS[unit]
    return { from: { value, unit }, to: { value: Math.round(value * factor * 1000) / 1000, unit: to } }
  })

export default router
