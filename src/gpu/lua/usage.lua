--[[
Reads the GPU accounts at one moment.
KEYS[1] usage hash
reply   {server time in ms, field, value, ...}; fields are gpus:POOL, ms:POOL, since:POOL, peak:POOL, workers:POOL
]]
local time = redis.call('TIME')
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, time[1] * 1000 + math.floor(time[2] / 1000))
return reply
