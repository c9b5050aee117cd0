--[[
  Gives a request its start tag in a pool's fair order: start-time fair queueing over tenants, and over the keys of each.
  Tags are Unix ms of the pool's order (admission/fairness.ts). The pool's virtual time is that of the request at the
  head of its queue; while nothing waits it is the clock, and nobody owes anything.

  KEYS[1]  hash: '#era' counts the times that the queue was found empty, '#v' virtual time, '#scale' ms for one token
           of cost in this era, '#last' the tenant that came last and '#lastAt' when, '#otherAt' when the last
           other one did, and each tenant -> end of its tagged work
  KEYS[2]  sorted set of the tenant's keys: key -> end of its tagged work; '#era' -> the era that they belong to
  KEYS[3], KEYS[4]  BullMQ's sorted sets of waiting requests, decode and prefill: score = priority x 2^32 + a counter
  ARGV[1]  tenant   ARGV[2] key   ARGV[3] cost, tokens   ARGV[4] Unix ms now
  ARGV[5]  epoch of the deadline order, Unix ms   ARGV[6] its resolution, ms   ARGV[7] ticks of a standing
  ARGV[8]  the pool's TTFT target, ms   ARGV[9] how far a key may run ahead of its tenant, ms
  ARGV[10] ms for one token of cost, for an era that begins   ARGV[11] most unused share that is kept, ms
  ARGV[12] how long after its last request another tenant counts as being there, ms
  Reply: {start tag, era, keys that shared the tenant, ms for one token of cost, 1 if the tenant or the key had more
         queued than its share, 1 if work waits and another tenant came lately}
]]
local tenant, key, cost, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local epoch, resolution, ticks, target = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local KEEP_MS = 86400000

-- The tick at the head of a queue, whatever its standing.
local function head(queue)
  local found = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
  if not found[2] then return nil end
  return math.floor(tonumber(found[2]) / 4294967296) % ticks
end

local era = tonumber(redis.call('HGET', KEYS[1], '#era')) or 0
local first, other = head(KEYS[3]), head(KEYS[4])
if other and (not first or other < first) then first = other end
local virtual, scale
if first then
  virtual = math.max(epoch + first * resolution - target, tonumber(redis.call('HGET', KEYS[1], '#v')) or 0)
  scale = tonumber(redis.call('HGET', KEYS[1], '#scale'))
else
  era = era + 1
  virtual = now
  redis.call('DEL', KEYS[1])
end
if not scale then
  scale = tonumber(ARGV[10])
  redis.call('HSET', KEYS[1], '#era', era, '#scale', ARGV[10])
end

if tonumber(redis.call('ZSCORE', KEYS[2], '#era')) ~= era then
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[2], era, '#era')
end
-- Keys whose work is all behind what is kept share nothing any more.
for _, idle in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.3f', virtual - tonumber(ARGV[11])))) do
  if idle ~= '#era' then redis.call('ZREM', KEYS[2], idle) end
end
local keyEnd = tonumber(redis.call('ZSCORE', KEYS[2], key))
local sharers = redis.call('ZCARD', KEYS[2]) - 1
if not keyEnd then sharers = sharers + 1 end
local rested = virtual - tonumber(ARGV[11])
local tenantEnd = math.max(tonumber(redis.call('HGET', KEYS[1], tenant)) or 0, rested)
keyEnd = math.max(keyEnd or 0, rested)

-- Who owes nothing goes before the head of the queue, which would be tied with it.
local begin = first and virtual - resolution or virtual
local start = math.max(begin, keyEnd, tenantEnd - tonumber(ARGV[9]))
local ends = { tenantEnd + cost * scale, math.max(keyEnd, tenantEnd - tonumber(ARGV[9])) + cost * scale * sharers }
redis.call('HSET', KEYS[1], '#v', string.format('%.3f', virtual), tenant, string.format('%.3f', ends[1]))
redis.call('ZADD', KEYS[2], string.format('%.3f', ends[2]), key)

local came = redis.call('HMGET', KEYS[1], '#last', '#lastAt', '#otherAt')
local otherAt = came[3]
if came[1] and came[1] ~= tenant then
  otherAt = came[2]
  redis.call('HSET', KEYS[1], '#otherAt', otherAt)
end
redis.call('HSET', KEYS[1], '#last', tenant, '#lastAt', ARGV[4])
local contended = first and otherAt and now - tonumber(otherAt) <= tonumber(ARGV[12])

redis.call('PEXPIRE', KEYS[1], KEEP_MS)
redis.call('PEXPIRE', KEYS[2], KEEP_MS)
return { string.format('%.0f', start), era, sharers, tostring(scale), start > begin and 1 or 0, contended and 1 or 0 }
