--[[
Takes back one hold of an Idempotency-Key by a request that was not accepted; with the last one the key is free again. The
holds of requests that were accepted stay, so their key is never freed.
KEYS[1] the key's hash: print, id, holders
ARGV[1] fingerprint of the body, ARGV[2] id that it stood for
reply   1 the key is free, 0 it is not, or it stands for another id
]]
local print, id, holders = unpack(redis.call('HMGET', KEYS[1], 'print', 'id', 'holders'))
if print ~= ARGV[1] or id ~= ARGV[2] then return 0 end
if tonumber(holders) > 1 then
  redis.call('HINCRBY', KEYS[1], 'holders', -1)
  return 0
end
redis.call('DEL', KEYS[1])
return 1
