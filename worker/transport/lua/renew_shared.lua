-- Says that this consumer of a shared queue is alive.
-- KEYS: consumers    ARGV: owner, lease in ms
begin('ZREM', KEYS[1])
redis.call('ZADD', KEYS[1], text(now_ms() + ARGV[2]), ARGV[1])
return '1'
