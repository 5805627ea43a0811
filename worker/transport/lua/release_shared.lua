-- A consumer of a shared queue leaves in good order: what it has unacked is given back to the head of the queue.
-- KEYS: consumers, unacked, returned, waiting, list, doorbell    ARGV: owner
begin('HDEL', KEYS[2])
local moved = push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[5], tags_of(ARGV[1]), false, false)
redis.call('ZREM', KEYS[1], ARGV[1])
return moved
