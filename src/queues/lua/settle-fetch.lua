--[[
  After a fetch that was sent ahead: its job was begun now, not when the fetch was sent; and a marker that stands for no
  waiting job would wake a worker for nothing (each fetch leaves one behind, whether or not more wait).

  KEYS: marker, wait, prioritized, active
  ARGV: prefix of the queue's keys, lock token of the fetch
]]
local id = redis.call('LINDEX', KEYS[4], 0)
if id and redis.call('GET', ARGV[1] .. id .. ':lock') == ARGV[2] then
  local time = redis.call('TIME')
  redis.call('HSET', ARGV[1] .. id, 'processedOn', time[1] * 1000 + math.floor(time[2] / 1000))
end
if redis.call('ZCARD', KEYS[3]) == 0 and redis.call('LLEN', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[1], '0')
end
