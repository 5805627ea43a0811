-- Notes that a delivery waits (for the store, say) and is not being applied, or that it is applied again.
-- KEYS: unacked, waiting    ARGV: tag, 'wait' or 'apply'
if ARGV[2] == 'wait' then
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
    redis.call('SADD', KEYS[2], ARGV[1])
  end
else
  redis.call('SREM', KEYS[2], ARGV[1])
end
return 1
