--[[
Renews a lease. A lease that ran out but was not taken back yet may still be renewed: nobody else has its GPUs.
KEYS[1] leases hash
ARGV[1] lease id   ARGV[2] worker id
ARGV[3] 'worker': the worker itself renews, so that the lease is not `starting` any more; 'allocator': on its behalf
reply   {1} renewed, {0} there is no such lease of this worker
]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return { 0 } end
local lease = cjson.decode(stored)
if lease.workerId ~= ARGV[2] then return { 0 } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
lease.expiresAtMs = now + lease.leaseMs
if ARGV[3] == 'worker' and lease.state == 'starting' then
  lease.state = 'running'
  lease.stateSinceMs = now
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(lease))
return { 1 }
