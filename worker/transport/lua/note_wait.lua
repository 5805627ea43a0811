-- Notes that something else than the messages holds deliveries up: that their process dies does not count.
-- KEYS: unacked, waiting    ARGV: tags
begin('HDEL', KEYS[1])
for _, tag in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], tag) == 1 then
    redis.call('SADD', KEYS[2], tag)
  end
end
return 1
