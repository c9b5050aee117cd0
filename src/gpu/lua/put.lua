--[[
Sets or removes fields of a hash, for the acting allocator only.
KEYS[1] hash   KEYS[2] fence hash
ARGV[1] fence   ARGV[2...] field, value, field, value, ...; an empty value removes the field
reply   {1}
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[2], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return { 1 }
