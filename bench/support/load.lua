-- wrk's script: the request's method, the length of its body and the number of apps that share the load (0: the one of
-- the Host header) come as arguments; the result leaves as JSON.
function init(args)
  wrk.method = args[1]
  local bytes = tonumber(args[2])
  if bytes > 0 then
    wrk.body = string.rep('x', bytes)
  end
  local apps = tonumber(args[3])
  if apps > 0 then
    share(apps)
  end
end

-- Zipf's law: app n is asked for 1/n as often as the first. The order is drawn once, and the same in every run.
function share(apps)
  local sums, sum, requests = {}, 0, {}
  for n = 1, apps do
    sum = sum + 1 / n
    sums[n] = sum
  end
  math.randomseed(1)
  for i = 1, 100 * apps do
    local drawn, low, high = math.random() * sum, 1, apps
    while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < drawn then low = middle + 1 else high = middle end
    end
    requests[i] = low
  end
  local texts = {}
  for n = 1, apps do
    wrk.headers['Host'] = 'app-' .. (n - 1) .. '.localhost'
    texts[n] = wrk.format()
  end
  local next = 0
  function request()
    next = next % #requests + 1
    return texts[requests[next]]
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"broken":%d,"refused":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status
  ))
end
