--[[
  Adds the GPU time since the last look to a pool's totals. Whoever looks, and however often, no time counts twice.

  KEYS[1]  totals: hash
  ARGV[1]  now, Unix ms
  ARGV[2]  GPUs in use now, thousandths
  ARGV[3]  GPUs held by living workers now, thousandths
  ARGV[4]  most ms that one look stands for: longer ones were not observed
  Reply: ms accounted for
]]
local last = tonumber(redis.call('HGET', KEYS[1], 'usageAtMs') or ARGV[1])
local ms = math.max(0, math.min(ARGV[1] - last, tonumber(ARGV[4])))
if tonumber(ARGV[1]) >= last then redis.call('HSET', KEYS[1], 'usageAtMs', ARGV[1]) end
if ms > 0 then
  redis.call('HINCRBY', KEYS[1], 'busyGpuMs', math.floor(ms * ARGV[2] / 1000 + 0.5))
  redis.call('HINCRBY', KEYS[1], 'heldGpuMs', math.floor(ms * ARGV[3] / 1000 + 0.5))
end
return ms
