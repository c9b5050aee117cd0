--[[
  Checks a key and takes one request from its limits: all of them hold, or nothing is taken.
  Rates are token buckets of one minute's worth, kept as the time at which they are full again (GCRA).
  One that is open already (sent twice at once under one id) is one request: it takes nothing more, and its place is
  held by one sender more.

  KEYS[1]  hash: key id -> record (JSON)
  KEYS[2]  sorted set of the key's open requests: id, score = Unix ms when taken
  KEYS[3]  hash of the key's rates: requests, tokens = Unix ms when full again
  KEYS[4]  hash of the key's budget: period = number of the period, used = GPU-seconds
  KEYS[5]  hash: open request id -> senders that hold its place besides the first
  ARGV[1]  key id   ARGV[2] SHA-256 of the secret   ARGV[3] request id   ARGV[4] tokens that it may use
  Reply: {'ok', record} or {why, ...}:
    {'unauthorized'}  {'revoked'}  {'budget', used, limit, ms until the next period or -1}
    {'concurrent', limit, then ids of requests that are open for more than a minute}
    {'requests', limit, ms to wait}  {'tokens', limit, ms to wait or -1: more than a minute's worth}
]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return { 'unauthorized' } end
local record = cjson.decode(stored)
if record.hash ~= ARGV[2] then return { 'unauthorized' } end
if record.revokedAtMs ~= cjson.null then return { 'revoked' } end
if redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  redis.call('HINCRBY', KEYS[5], ARGV[3], 1)
  return { 'ok', stored }
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local MINUTE = 60000

local budget = record.budget
if budget ~= cjson.null then
  local period, left = 0, -1
  if budget.periodSeconds ~= cjson.null then
    local length = budget.periodSeconds * 1000
    period = math.floor(now / length)
    left = math.ceil((period + 1) * length - now)
  end
  local spent = redis.call('HMGET', KEYS[4], 'period', 'used')
  local used = tonumber(spent[1]) == period and tonumber(spent[2]) or 0
  if used >= budget.gpuSeconds then
    return { 'budget', tostring(used), tostring(budget.gpuSeconds), left }
  end
end

if record.concurrent ~= cjson.null and redis.call('ZCARD', KEYS[2]) >= record.concurrent then
  local reply = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - MINUTE, 'LIMIT', 0, 8)
  table.insert(reply, 1, tostring(record.concurrent))
  table.insert(reply, 1, 'concurrent')
  return reply
end

-- Full again at `full` if `cost` is taken now; as `nil, wait` when the bucket does not hold so much.
local function bucket(field, perMinute, cost)
  local full = tonumber(redis.call('HGET', KEYS[3], field)) or 0
  local after = math.max(full, now) + cost * MINUTE / perMinute
  if after - now > MINUTE then return nil, math.ceil(after - now - MINUTE) end
  return after
end

local requestsFull, tokensFull
if record.requestsPerMinute ~= cjson.null then
  local wait
  requestsFull, wait = bucket('requests', record.requestsPerMinute, 1)
  if not requestsFull then return { 'requests', tostring(record.requestsPerMinute), wait } end
end
if record.tokensPerMinute ~= cjson.null then
  local tokens = tonumber(ARGV[4])
  if tokens > record.tokensPerMinute then return { 'tokens', tostring(record.tokensPerMinute), -1 } end
  local wait
  tokensFull, wait = bucket('tokens', record.tokensPerMinute, tokens)
  if not tokensFull then return { 'tokens', tostring(record.tokensPerMinute), wait } end
end

if requestsFull then redis.call('HSET', KEYS[3], 'requests', string.format('%.3f', requestsFull)) end
if tokensFull then redis.call('HSET', KEYS[3], 'tokens', string.format('%.3f', tokensFull)) end
if requestsFull or tokensFull then redis.call('PEXPIRE', KEYS[3], 2 * MINUTE) end
redis.call('ZADD', KEYS[2], now, ARGV[3])
return { 'ok', stored }
