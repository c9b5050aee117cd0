--[[
Takes or keeps a planner's right to act for its pool.
KEYS[1] lock   KEYS[2] who had that right last
ARGV[1] owner   ARGV[2] time to live, ms
reply   1, or 0: another planner has it
]]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
