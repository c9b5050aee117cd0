--[[
  Promises a refused request a time at which it will be taken: the first whole second from now, not before `earliest`,
  about which no more is promised than the pool can take. A tenant with less than its part about that second is only
  put behind the parts of others, not behind what they have beyond.

  KEYS[1]  sorted set of all promises of a pool: member, score = Unix ms when due
  KEYS[2]  the same of one tenant
  KEYS[3]  the same of one request (by what it asks for)
  KEYS[4]  the same of those that are within the part of their tenant
  KEYS[5]  sorted set of the tenants that have promises: tenant, score = Unix ms when the last of them is due
  ARGV[1]  now, Unix ms   ARGV[2] member   ARGV[3] earliest, seconds from now   ARGV[4] half of the window, ms
  ARGV[5]  most promises in a window   ARGV[6] most seconds to look ahead   ARGV[7] tenant
  ARGV[8]  how long after its time a promise is kept, ms
  Reply: seconds from now; beyond the most nothing is promised
]]
local now, half, most = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
local seconds = math.max(1, math.ceil(tonumber(ARGV[3])))
local limit, tenant = tonumber(ARGV[6]), ARGV[7]
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - tonumber(ARGV[8]))
local last = tonumber(redis.call('ZSCORE', KEYS[5], tenant))
local tenants = redis.call('ZCARD', KEYS[5]) + (last and 0 or 1)
-- A tenant that is alone leaves half of the time to one that comes.
local part = math.max(1, math.floor(most / math.max(2, tenants)))
while seconds <= limit do
  local due = now + seconds * 1000
  local within = redis.call('ZCOUNT', KEYS[2], due - half, due + half) < part
  if redis.call('ZCOUNT', within and KEYS[4] or KEYS[1], due - half, due + half) < most then
    for k = 1, within and 4 or 3 do redis.call('ZADD', KEYS[k], due, ARGV[2]) end
    redis.call('ZADD', KEYS[5], math.max(last or 0, due), tenant)
    for k = 1, 5 do redis.call('PEXPIRE', KEYS[k], limit * 1000 + 60000) end
    return seconds
  end
  seconds = seconds + 1
end
return limit
