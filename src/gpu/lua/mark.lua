--[[
Sets the state of a lease that still exists. The same state again changes nothing.
KEYS[1] leases hash   KEYS[2] fence hash
ARGV[1] fence   ARGV[2] lease id   ARGV[3] 'starting' | 'running' | 'draining'
reply   {1} it is in that state, {0} there is no such lease
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[2], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
local stored = redis.call('HGET', KEYS[1], ARGV[2])
if not stored then return { 0 } end
local lease = cjson.decode(stored)
if lease.state ~= ARGV[3] then
  local time = redis.call('TIME')
  lease.state = ARGV[3]
  lease.stateSinceMs = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], ARGV[2], cjson.encode(lease))
end
return { 1 }
