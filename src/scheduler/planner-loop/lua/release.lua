--[[
Gives a planner's right to act back, if this owner still has it, so that a successor need not wait.
KEYS[1] lock
ARGV[1] owner
reply   1 given back, 0 it was not held
]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
