--[[
Replaces inventory and budgets by those of the configuration. Leases stay as they are.
KEYS[1] inventory hash (GPU -> island)   KEYS[2] budgets hash (pool -> JSON)   KEYS[3] fence hash
ARGV[1] fence   ARGV[2] number of GPUs   ARGV[3...] GPU, island, ... then pool, budget JSON, ...
reply   {1}
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[3], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
redis.call('DEL', KEYS[1], KEYS[2])
local budgetsFrom = 3 + 2 * tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  redis.call('HSET', i < budgetsFrom and KEYS[1] or KEYS[2], ARGV[i], ARGV[i + 1])
end
return { 1 }
