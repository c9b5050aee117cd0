--[[
Takes or keeps the right to act as the allocator. Each change of owner raises the fence, and scripts refuse an
older fence, so that an allocator that was paused and lost the lock can do no harm. A fence is at least the server's
time: a server that lost its data never gives one a second time, so that the same owner sees that its term ended.
KEYS[1] lock (owner, with a time to live)   KEYS[2] fence hash (n: Unix ms or more, owner)
ARGV[1] owner   ARGV[2] time to live, ms
reply   {fence}, or {0}: another owner holds it
]]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return { 0 } end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[1] then
  local time = redis.call('TIME')
  local before = tonumber(redis.call('HGET', KEYS[2], 'n') or 0)
  local fence = math.max(before + 1, time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'n', string.format('%d', fence))
end
return { tonumber(redis.call('HGET', KEYS[2], 'n')) }
