--[[
Ends leases: gives their GPUs back and books their GPU time. A lease that is gone already is passed over, so a
retry is harmless.
KEYS[1] leases hash   KEYS[2] held hash (GPU -> lease)   KEYS[3] usage hash
ARGV[1] 'any', or 'expired': only leases that are past their time on the server's clock
ARGV[2...] lease ids
reply   ids of the leases that this call ended
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function book(name, gpus)
  local before = tonumber(redis.call('HGET', KEYS[3], 'gpus:' .. name) or 0)
  local since = tonumber(redis.call('HGET', KEYS[3], 'since:' .. name) or now)
  redis.call('HINCRBY', KEYS[3], 'ms:' .. name, before * math.max(0, now - since))
  redis.call('HSET', KEYS[3], 'since:' .. name, now, 'gpus:' .. name, before + gpus)
end

local ended = {}
for i = 2, #ARGV do
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  local lease = stored and cjson.decode(stored)
  if lease and (ARGV[1] == 'any' or lease.expiresAtMs <= now) then
    for _, gpu in ipairs(lease.gpus) do redis.call('HDEL', KEYS[2], gpu) end
    redis.call('HDEL', KEYS[1], ARGV[i])
    book(lease.pool, -#lease.gpus)
    book('*', -#lease.gpus)
    redis.call('HINCRBY', KEYS[3], 'workers:' .. lease.pool, -1)
    ended[#ended + 1] = ARGV[i]
  end
end
return ended
