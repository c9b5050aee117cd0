--[[
Takes or keeps the right to act as the allocator. Each change of owner raises the fence, and scripts refuse an
older fence, so that an allocator that was paused and lost the lock can do no harm.
KEYS[1] lock (owner, with a time to live)   KEYS[2] fence hash (n, owner)
ARGV[1] owner   ARGV[2] time to live, ms
reply   {fence}, or {0}: another owner holds it
]]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return { 0 } end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[1] then
  redis.call('HSET', KEYS[2], 'owner', ARGV[1])
  redis.call('HINCRBY', KEYS[2], 'n', 1)
end
return { tonumber(redis.call('HGET', KEYS[2], 'n')) }
