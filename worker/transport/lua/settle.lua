-- Ends one delivery that goes somewhere. Valid for the owner of the record, while no other process holds the
-- lease: a takeover moves every record away, so what a former owner settles later is not there.
-- KEYS: lease, unacked, returned, waiting, the list to move to, the returned hash of that list
-- ARGV: owner, tag, action, whether it was delivered before ('1' or ''), and for failed: '1' if it was alone in
--       work; for forward: the queue
-- action: back (to the head, count begins again), failed (to the head, as after a death), forward
-- Returns 1, or 0 when it was not this process's to settle.
if is_of_another(KEYS[1], ARGV[1]) then
  return 0
end
local action, returned_before = ARGV[3], ARGV[4] == '1'
redis.call('SREM', KEYS[4], ARGV[2])
local raw = redis.call('HGET', KEYS[2], ARGV[2])
if not raw then
  return 0
end
local digest = redis.sha1hex(raw)
check_rights(
  {'HGET', KEYS[3], ''}, {'HSET', KEYS[3], '', ''}, {'HDEL', KEYS[3], ''}, {'HSET', KEYS[6], '', ''},
  {action == 'forward' and 'LPUSH' or 'RPUSH', KEYS[5], ''})
remove(KEYS[2], ARGV[2])
if action == 'back' then
  redis.call('HSET', KEYS[3], digest, 0)
  put_back(KEYS[5], raw)
  return 1
end
if action == 'failed' then
  note_death(KEYS[3], digest, ARGV[5] == '1')
  put_back(KEYS[5], raw)
  return 1
end
if returned_before then
  redis.call('HDEL', KEYS[3], digest)
  redis.call('HSET', KEYS[6], digest, 0)
end
redis.call('LPUSH', KEYS[5], raw)
return 1
