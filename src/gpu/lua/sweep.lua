--[[
Names the leases that ran out. When nobody has swept for a while (Redis was frozen or down, or no allocator acted),
no worker can be blamed for not having renewed: all leases then get one full lease time from now.
KEYS[1] leases hash   KEYS[2] time of the last sweep   KEYS[3] fence hash
ARGV[1] fence   ARGV[2] longest gap between sweeps, ms, that needs no grace
reply   {server time in ms, lease id, ...}
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[3], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local grace = now - last > tonumber(ARGV[2])
redis.call('SET', KEYS[2], string.format('%.0f', now))

local reply = { now }
local leases = redis.call('HGETALL', KEYS[1])
for i = 1, #leases, 2 do
  local lease = cjson.decode(leases[i + 1])
  if grace then
    lease.expiresAtMs = math.max(lease.expiresAtMs, now + lease.leaseMs)
    redis.call('HSET', KEYS[1], leases[i], cjson.encode(lease))
  elseif lease.expiresAtMs <= now then
    reply[#reply + 1] = leases[i]
  end
end
return reply
