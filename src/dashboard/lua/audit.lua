--[[
Adds an entry to the audit log, and keeps the log bounded by count and by age.
KEYS[1] list of entries, oldest first
ARGV[1] entry JSON   ARGV[2] entries kept   ARGV[3] Unix ms: entries of before it are removed
reply   1
]]
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
while true do
  local text = redis.call('LINDEX', KEYS[1], 0)
  if not text then break end
  local ok, entry = pcall(cjson.decode, text)
  -- What cannot be read has no age, and is of no use to anyone.
  if ok and type(entry) == 'table' and tonumber(entry.atMs) and entry.atMs >= tonumber(ARGV[3]) then break end
  redis.call('LPOP', KEYS[1])
end
return 1
