--[[
  Makes a run the owner of a request's journal and returns what earlier runs emitted.

  KEYS[1]  journal
  ARGV[1]  fence of the new owner
  ARGV[2]  time to live of a new journal, ms
  Reply: [firstTokenAtMs or '', token 0, token 1, ...]
]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('RPUSH', KEYS[1], ARGV[1], '')
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return { '' }
end
redis.call('LSET', KEYS[1], 0, ARGV[1])
return redis.call('LRANGE', KEYS[1], 1, -1)
