-- Removes parked messages of one queue that are stored, from the oldest on. Ends at one that it was not told of: a
-- process that drains the same queue may have removed some already.
-- KEYS: poison
-- ARGV: their names; see peek_parked.lua
-- Returns how many it removed.
local stored, removed = {}, 0
for _, name in ipairs(ARGV) do
  stored[name] = true
end
local element = redis.call('LINDEX', KEYS[1], -1)
while element and stored[name_of_parked(element)] do
  redis.call('LTRIM', KEYS[1], 0, -2)
  removed = removed + 1
  element = redis.call('LINDEX', KEYS[1], -1)
end
return removed
