--[[
  Corrects what a request was charged in its pool's fair order, once its true cost is known.

  KEYS[1]  hash of the pool's fair order   KEYS[2] sorted set of the tenant's keys (share.lua has both)
  ARGV[1]  tenant   ARGV[2] key   ARGV[3] era of the charge   ARGV[4] ms too many for the tenant   ARGV[5] and for the key
  Reply: 1 corrected, 0 that era is over
]]
if redis.call('HGET', KEYS[1], '#era') ~= ARGV[3] then return 0 end
local tenantEnd = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if tenantEnd then redis.call('HSET', KEYS[1], ARGV[1], string.format('%.3f', tenantEnd - tonumber(ARGV[4]))) end
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  redis.call('ZINCRBY', KEYS[2], string.format('%.3f', -tonumber(ARGV[5])), ARGV[2])
end
return 1
