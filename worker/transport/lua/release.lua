-- Releases a lease: what is unacked is given back to the head of the queue, and standbys are woken.
-- KEYS: lease, unacked, returned, waiting, list, doorbell    ARGV: owner
-- Returns how many messages went back, or -1 when the lease was not ours.
begin('HDEL', KEYS[2])
if not is_owner(redis.call('HGET', KEYS[1], 'owner'), ARGV[1]) then
  return -1
end
local moved = push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[5], every_tag, false, false)
redis.call('HDEL', KEYS[1], 'owner', 'until')
-- It exists for a second, so that a standby which was about to listen finds it.
redis.call('SET', KEYS[6], '1', 'PX', 1000)
return moved
