--[[
  Finds a request's start tag in a pool's fair order, and charges it if it is sent: start-time fair queueing over tenants, and
  over the keys of each (admission/fairness.ts). Tags are ms of the pool's virtual time, which follows the last tag of those that
  began (begun.lua) and never goes back; it is behind it by what a key may borrow, so that it is not ahead of what is on its way to
  the queue. So a tenant that floods a pool whose queue is kept short does not borrow anew each time that it is empty. A new era,
  in which nobody owes anything, begins when nothing waits, runs or is on its way.

  A tag is told as Unix ms: while nothing waits virtual time is the clock, else it goes on from there at its own pace.

  KEYS[1]  hash: '#era' counts the times that the pool was found idle, '#v' virtual time, '#shift' from it to Unix ms, '#scale' ms
           for one token of cost in this era, '#begun' the last start tag of those that began, '#chargedAt' when the last one was
           charged, '#last' the tenant that came last and '#lastAt' when, '#otherAt' when the last other one did, and each
           tenant -> end of its tagged work
  KEYS[2]  sorted set of the tenant's keys: key -> end of its tagged work; '#era' -> the era that they belong to
  KEYS[3], KEYS[4]  BullMQ's sorted sets of waiting requests, decode and prefill   KEYS[5], KEYS[6] its lists of running ones
  ARGV[1]  tenant   ARGV[2] key   ARGV[3] cost, tokens   ARGV[4] Unix ms now
  ARGV[5]  resolution of the deadline order, ms   ARGV[6]  how far a key may run ahead of its tenant, ms
  ARGV[7]  ms for one token of cost, for an era that begins   ARGV[8] most unused share that is kept, ms
  ARGV[9]  how long after its last request another tenant counts as being there, ms
  ARGV[10] 1: charge it; 0: only find it
  Reply: {start tag, Unix ms, era, keys that shared the tenant, ms for one token of cost, 1 if the tenant or the key had more
         than its share, 1 if work waits, 1 if another tenant came lately, virtual time when it begins}
]]
local tenant, key, cost, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local resolution, ahead, kept = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local charges = ARGV[10] == '1'
local KEEP_MS = 86400000
-- What was charged so lately may be on its way to the queue.
local COMING_MS = 1000

local known = redis.call('HMGET', KEYS[1], '#era', '#v', '#shift', '#scale', '#begun', '#chargedAt', '#last', '#lastAt', '#otherAt')
local era, virtual, shift = tonumber(known[1]) or 0, tonumber(known[2]), tonumber(known[3]) or 0
local scale, begun, chargedAt = tonumber(known[4]), tonumber(known[5]) or 0, tonumber(known[6])
local last, lastAt, otherAt = known[7], known[8], known[9]

local waits = redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4]) > 0
local busy = waits or redis.call('LLEN', KEYS[5]) + redis.call('LLEN', KEYS[6]) > 0
busy = busy or (chargedAt and now - chargedAt <= COMING_MS)
local goesOn = busy and virtual and scale
if goesOn then
  virtual = math.max(virtual, begun - ahead)
  if not waits then shift = now - virtual end
else
  era, virtual, shift, scale, begun = era + 1, now, 0, tonumber(ARGV[7]), 0
  if charges then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], '#era', era, '#scale', ARGV[7])
  end
end

local rested = virtual - kept
local keyEnd, sharers = nil, 1
local keysKnown = tonumber(redis.call('ZSCORE', KEYS[2], '#era')) == era
if charges and not keysKnown then
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[2], era, '#era')
elseif keysKnown then
  -- Keys whose work is all behind what is kept share nothing any more.
  for _, idle in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.3f', rested))) do
    if idle ~= '#era' then redis.call('ZREM', KEYS[2], idle) end
  end
  keyEnd = tonumber(redis.call('ZSCORE', KEYS[2], key))
  sharers = redis.call('ZCARD', KEYS[2]) - (keyEnd and 1 or 0)
end
local tenantEnd = math.max(goesOn and tonumber(redis.call('HGET', KEYS[1], tenant)) or 0, rested)
keyEnd = math.max(keyEnd or 0, rested)

-- Who owes nothing goes before who borrows, which would be tied with it.
local begin = goesOn and virtual - resolution or virtual
local excess = math.max(keyEnd, tenantEnd) > math.max(begin, begun)
local start = math.max(excess and virtual or begin, keyEnd, tenantEnd - ahead)
-- A key that waits for its tenant's other keys does not take the order of all tenants ahead.
local tenantStart = math.min(start, math.max(virtual, tenantEnd))
if charges then
  local ends = { tenantEnd + cost * scale, math.max(keyEnd, tenantEnd - ahead) + cost * scale * sharers }
  redis.call('HSET', KEYS[1], '#v', string.format('%.3f', virtual), '#shift', string.format('%.3f', shift),
    '#chargedAt', ARGV[4], tenant, string.format('%.3f', ends[1]))
  redis.call('ZADD', KEYS[2], string.format('%.3f', ends[2]), key)
  redis.call('PEXPIRE', KEYS[2], KEEP_MS)
end

-- Who came lately is known from one era to the next.
if last and last ~= tenant then otherAt = lastAt end
redis.call('HSET', KEYS[1], '#last', tenant, '#lastAt', ARGV[4])
if otherAt then redis.call('HSET', KEYS[1], '#otherAt', otherAt) end
local others = otherAt and now - tonumber(otherAt) <= tonumber(ARGV[9])
redis.call('PEXPIRE', KEYS[1], KEEP_MS)

return { string.format('%.0f', start + shift), era, sharers, tostring(scale), excess and 1 or 0, waits and 1 or 0,
  others and 1 or 0, string.format('%.3f', tenantStart) }
