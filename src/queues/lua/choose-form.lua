--[[
  Says in which form a request is to be added to its pool: all that add it at once hear the same one.

  KEYS[1]  the request's job on the decode queue (BullMQ)
  KEYS[2]  string: the form that was chosen
  ARGV[1]  form to choose where none is   ARGV[2] how long adding may take, ms
  Reply: the form, or false where the request is there already
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[2])
