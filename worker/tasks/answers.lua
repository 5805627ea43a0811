-- Stores answers as Celery's Redis backend does, and tells those who wait.
-- KEYS: the key of each answer    ARGV: seconds that they are kept, then the answers
-- Returns how many there are.
for i, key in ipairs(KEYS) do
  redis.call('SETEX', key, ARGV[1], ARGV[i + 1])
  redis.call('PUBLISH', key, ARGV[i + 1])
end
return #KEYS
