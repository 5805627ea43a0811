-- Parks deliveries of one queue. Valid as a settlement is: see settle.lua.
-- KEYS: lease, unacked, returned, waiting, poison
-- ARGV: owner, then of each: tag, whether it was delivered before ('1' or ''), reason, deaths, detail
-- Returns how many of them were this process's to settle.
if is_of_another(KEYS[1], ARGV[1]) then
  return 0
end
check_rights({'HDEL', KEYS[3], ''}, {'LPUSH', KEYS[5], ''})
local parked = 0
for i = 2, #ARGV, 5 do
  local tag = ARGV[i]
  redis.call('SREM', KEYS[4], tag)
  local raw = redis.call('HGET', KEYS[2], tag)
  if raw then
    remove(KEYS[2], tag)
    if ARGV[i + 1] == '1' then
      redis.call('HDEL', KEYS[3], redis.sha1hex(raw))
    end
    park(KEYS[5], ARGV[i + 2], tag, ARGV[i + 3], ARGV[i + 4], raw)
    parked = parked + 1
  end
end
return parked
