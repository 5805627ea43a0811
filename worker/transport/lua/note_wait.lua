-- Notes that something else than the message itself holds a delivery up: that its process dies does not count.
-- KEYS: unacked, waiting    ARGV: tag
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  redis.call('SADD', KEYS[2], ARGV[1])
end
return 1
