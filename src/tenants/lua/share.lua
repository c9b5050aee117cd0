--[[
  Gives a request its start tag in a pool's fair order: start-time fair queueing over tenants, and over the keys of each.
  Tags are Unix ms of the pool's order (admission/fairness.ts). The pool's virtual time is the start tag of the request at
  the head of its queue, which never goes back; while nothing waits it is the clock, and nobody owes anything.

  KEYS[1]  hash: '#era' counts the times that the queue was found empty, '#v' virtual time, '#scale' ms for one token
           of cost in this era, '#last' the tenant that came last and '#lastAt' when, '#otherAt' when the last
           other one did, '#decode' and '#prefill' the start tag and the id of the last head that was read of each
           queue, and each tenant -> end of its tagged work
  KEYS[2]  sorted set of the tenant's keys: key -> end of its tagged work; '#era' -> the era that they belong to
  KEYS[3], KEYS[4]  BullMQ's sorted sets of waiting requests, decode and prefill
  ARGV[1]  tenant   ARGV[2] key   ARGV[3] cost, tokens   ARGV[4] Unix ms now
  ARGV[5], ARGV[6]  prefixes of the two queues' job keys   ARGV[7] resolution of the deadline order, ms
  ARGV[8]  how far a key may run ahead of its tenant, ms
  ARGV[9]  ms for one token of cost, for an era that begins   ARGV[10] most unused share that is kept, ms
  ARGV[11] how long after its last request another tenant counts as being there, ms
  Reply: {start tag, era, keys that shared the tenant, ms for one token of cost, 1 if the tenant or the key had more
         queued than its share, 1 if work waits and another tenant came lately}
]]
local tenant, key, cost, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local resolution, ahead, kept = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[10])
local KEEP_MS = 86400000

-- The start tag in a request's data: of one without a turn its arrival, of what is no request now.
local function startOf(data)
  local read, request = pcall(cjson.decode, data or '')
  if not read or type(request) ~= 'table' then return now end
  local share = type(request.share) == 'table' and request.share or {}
  return tonumber(share.startMs) or tonumber(request.acceptedAtMs) or now
end

-- The start tag at the head of a queue. The data, which may be long, is read once for each head.
local function head(queue, jobs, field)
  local id = redis.call('ZRANGE', queue, 0, 0)[1]
  if not id then return nil end
  local start, of = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%S+) (.*)$')
  if of ~= id then
    start = string.format('%.0f', startOf(redis.call('HGET', jobs .. id, 'data')))
    redis.call('HSET', KEYS[1], field, start .. ' ' .. id)
  end
  return tonumber(start)
end

local era = tonumber(redis.call('HGET', KEYS[1], '#era')) or 0
local first, other = head(KEYS[3], ARGV[5], '#decode'), head(KEYS[4], ARGV[6], '#prefill')
if other and (not first or other < first) then first = other end
local virtual, scale
if first then
  virtual = math.max(first, tonumber(redis.call('HGET', KEYS[1], '#v')) or 0)
  scale = tonumber(redis.call('HGET', KEYS[1], '#scale'))
else
  era = era + 1
  virtual = now
  redis.call('DEL', KEYS[1])
end
if not scale then
  scale = tonumber(ARGV[9])
  redis.call('HSET', KEYS[1], '#era', era, '#scale', ARGV[9])
end

if tonumber(redis.call('ZSCORE', KEYS[2], '#era')) ~= era then
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[2], era, '#era')
end
-- Keys whose work is all behind what is kept share nothing any more.
local rested = virtual - kept
for _, idle in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.3f', rested))) do
  if idle ~= '#era' then redis.call('ZREM', KEYS[2], idle) end
end
local keyEnd = tonumber(redis.call('ZSCORE', KEYS[2], key))
local sharers = redis.call('ZCARD', KEYS[2]) - 1
if not keyEnd then sharers = sharers + 1 end
local tenantEnd = math.max(tonumber(redis.call('HGET', KEYS[1], tenant)) or 0, rested)
keyEnd = math.max(keyEnd or 0, rested)

-- Who owes nothing goes before the head of the queue, which would be tied with it.
local begin = first and virtual - resolution or virtual
local start = math.max(begin, keyEnd, tenantEnd - ahead)
local ends = { tenantEnd + cost * scale, math.max(keyEnd, tenantEnd - ahead) + cost * scale * sharers }
redis.call('HSET', KEYS[1], '#v', string.format('%.3f', virtual), tenant, string.format('%.3f', ends[1]))
redis.call('ZADD', KEYS[2], string.format('%.3f', ends[2]), key)

local came = redis.call('HMGET', KEYS[1], '#last', '#lastAt', '#otherAt')
local otherAt = came[3]
if came[1] and came[1] ~= tenant then
  otherAt = came[2]
  redis.call('HSET', KEYS[1], '#otherAt', otherAt)
end
redis.call('HSET', KEYS[1], '#last', tenant, '#lastAt', ARGV[4])
local contended = first and otherAt and now - tonumber(otherAt) <= tonumber(ARGV[11])

redis.call('PEXPIRE', KEYS[1], KEEP_MS)
redis.call('PEXPIRE', KEYS[2], KEEP_MS)
-- By what is queued, not by what a key may borrow of its tenant's share.
local excess = math.max(keyEnd, tenantEnd) > begin
return { string.format('%.0f', start), era, sharers, tostring(scale), excess and 1 or 0, contended and 1 or 0 }
