--[[
Lets the peaks of leased GPUs begin anew at what is leased now.
KEYS[1] usage hash
reply   {number of accounts}
]]
local count = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'gpus:' then
    local name = string.sub(field, 6)
    redis.call('HSET', KEYS[1], 'peak:' .. name, redis.call('HGET', KEYS[1], field))
    count = count + 1
  end
end
return { count }
