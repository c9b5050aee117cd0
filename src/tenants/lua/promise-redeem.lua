--[[
  Looks whether a request comes back on a promise, and what else is promised. Promises that nobody came for are dropped.

  KEYS[1]  sorted set of all promises of a pool: member, score = Unix ms when due
  KEYS[2]  the same of one tenant
  KEYS[3]  the same of one request (by what it asks for)
  KEYS[4]  the same of those that are within the part of their tenant
  KEYS[5]  sorted set of the tenants that have promises: tenant, score = Unix ms when the last of them is due
  KEYS[6]  hash: kept, lost = promises that were come for, or not
  ARGV[1]  now, Unix ms   ARGV[2] how much before it is due it may come, ms   ARGV[3] how long after, ms
  ARGV[4]  how far ahead the tenant's promises are counted, ms
  Reply: {1 if it comes on a promise, promises of the tenant that are due by then, all promises but no more than each
         tenant having as many as this one, kept, lost}
]]
local now, early, grace, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lost = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - grace)
for k = 2, 5 do redis.call('ZREMRANGEBYSCORE', KEYS[k], '-inf', now - grace) end
local kept = 0
local mine = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now + early, 'LIMIT', 0, 1)[1]
if mine then
  for k = 1, 4 do redis.call('ZREM', KEYS[k], mine) end
  kept = 1
end
local counts = redis.call('HMGET', KEYS[6], 'kept', 'lost')
local allKept = (tonumber(counts[1]) or 0) + kept
local allLost = (tonumber(counts[2]) or 0) + lost
if kept + lost > 0 then
  -- What was long ago counts half.
  if allKept + allLost > 200 then
    allKept, allLost = math.floor(allKept / 2), math.floor(allLost / 2)
  end
  redis.call('HSET', KEYS[6], 'kept', allKept, 'lost', allLost)
  redis.call('EXPIRE', KEYS[6], 600)
end
local own = redis.call('ZCARD', KEYS[2])
return {
  kept,
  redis.call('ZCOUNT', KEYS[2], '-inf', now + ahead),
  math.min(redis.call('ZCARD', KEYS[1]), own * math.max(1, redis.call('ZCARD', KEYS[5]))),
  allKept,
  allLost,
}
