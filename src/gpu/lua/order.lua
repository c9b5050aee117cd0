--[[
Stores a pool's desired replicas, if the order is newer than the one that stands. The same generation again
changes nothing.
KEYS[1] desired hash (pool -> order JSON)   KEYS[2] fence hash
ARGV[1] fence   ARGV[2] pool   ARGV[3] generation   ARGV[4] order JSON
reply   {'applied' | 'same' | 'stale', JSON of the order that stands}
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[2], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
local stored = redis.call('HGET', KEYS[1], ARGV[2])
if stored then
  local standing = cjson.decode(stored).generation
  if tonumber(ARGV[3]) < standing then return { 'stale', stored } end
  if tonumber(ARGV[3]) == standing then return { 'same', stored } end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
return { 'applied', ARGV[4] }
