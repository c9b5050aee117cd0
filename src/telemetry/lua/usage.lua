--[[
  Adds the GPU time since the last look to a pool's totals. Whoever looks, and however often, no time counts twice.
  Once a minute it also sets a mark: how many requests had ended and attained by then.

  KEYS[1]  totals: hash
  KEYS[2]  marks: sorted set by Unix ms of "ms:ended:attained"
  ARGV[1]  now, Unix ms
  ARGV[2]  GPUs in use now, thousandths
  ARGV[3]  GPUs held by living workers now, thousandths
  ARGV[4]  most ms that one look stands for: longer ones were not observed
  ARGV[5]  marks are kept so long, ms
  Reply: ms accounted for
]]
local last = tonumber(redis.call('HGET', KEYS[1], 'usageAtMs') or ARGV[1])
local ms = math.max(0, math.min(ARGV[1] - last, tonumber(ARGV[4])))
if tonumber(ARGV[1]) >= last then redis.call('HSET', KEYS[1], 'usageAtMs', ARGV[1]) end
if ms > 0 then
  redis.call('HINCRBY', KEYS[1], 'busyGpuMs', math.floor(ms * ARGV[2] / 1000 + 0.5))
  redis.call('HINCRBY', KEYS[1], 'heldGpuMs', math.floor(ms * ARGV[3] / 1000 + 0.5))
end
local minute = string.format('%d', math.floor(ARGV[1] / 60000))
if redis.call('HGET', KEYS[1], 'markedMinute') ~= minute then
  local attained = redis.call('HGET', KEYS[1], 'attained')
  local ended = 0
  -- The kinds of end that figures.ts counts.
  for _, count in ipairs(redis.call('HMGET', KEYS[1], 'completed', 'failed', 'expired', 'cancelled', 'relegated')) do
    ended = ended + tonumber(count or 0)
  end
  redis.call('HSET', KEYS[1], 'markedMinute', minute)
  redis.call('ZADD', KEYS[2], ARGV[1], string.format('%s:%d:%d', ARGV[1], ended, tonumber(attained or 0)))
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1] - ARGV[5])
end
return ms
