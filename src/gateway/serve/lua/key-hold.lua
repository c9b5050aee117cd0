--[[
Tells the request id that an Idempotency-Key stands for, the given one where it comes first, and counts one more request
that may be sent under it.
KEYS[1] the key's hash: print, id, holders, accepted (1 where a request was)
ARGV[1] fingerprint of the body, ARGV[2] id to stand for it, ARGV[3] seconds to remember it
reply   the id, and 1 where a request under it was accepted before, else 0; nil: the key came with another body
]]
local print, id, accepted = unpack(redis.call('HMGET', KEYS[1], 'print', 'id', 'accepted'))
if not print then
  redis.call('HSET', KEYS[1], 'print', ARGV[1], 'id', ARGV[2], 'holders', 1)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  return { ARGV[2], 0 }
end
if print ~= ARGV[1] then return false end
redis.call('HINCRBY', KEYS[1], 'holders', 1)
return { id, accepted and 1 or 0 }
