-- Forgets deliveries of one queue that are done. Valid as a settlement is: see settle.lua.
-- KEYS: lease, unacked, returned, waiting
-- ARGV: owner, how many of the tags were not delivered before, their tags, then the tags of those that were
-- Returns how many of them were this process's to settle.
if is_of_another(KEYS[1], ARGV[1]) then
  return 0
end
local new, removed = tonumber(ARGV[2]), 0
local waits = redis.call('EXISTS', KEYS[4]) == 1
for i = 3, #ARGV do
  if i > new + 2 then
    local raw = redis.call('HGET', KEYS[2], ARGV[i])
    if raw then
      redis.call('HDEL', KEYS[3], redis.sha1hex(raw))
    end
  end
  removed = removed + remove(KEYS[2], ARGV[i])
  if waits then
    redis.call('SREM', KEYS[4], ARGV[i])
  end
end
return removed
