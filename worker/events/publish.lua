-- Append a subject's pending events to the stream, each once and in the order of revisions.
--
-- KEYS  1 stream, 2 hash of last revisions
-- ARGV  1 field in the hash, 2 approximate length to trim to, 3 the subject's present revision in the store,
--       then for each event: revision, "1" if it may jump (gap), its digest or that of the event it replaces,
--       number of stream field names and values, those names and values; the last two of them are "data" and its value
--
-- The hash holds "{revision}:{digest}": the SHA-1 of the event's data, or of the event that it replaces. The digest
-- tells an event that is published already from another one with the same revision, which a store that was restored
-- from a backup makes. "*" stands for any event of that revision.
--
-- Returns { outcome, last revision on the stream }; outcome is
--   "ok"     every event is on the stream
--   "lost"   the stream lacks events before the first pending one
--   "ahead"  the stream has revisions that the store does not have, or has differently
local known = redis.call('HGET', KEYS[2], ARGV[1])
local last, digest = 0, ''
if known then
  local colon = string.find(known, ':', 1, true)
  last = tonumber(string.sub(known, 1, colon - 1))
  digest = string.sub(known, colon + 1)
end
if last > tonumber(ARGV[3]) then
  return { 'ahead', last }
end
local outcome, moved = 'ok', false
local i = 4
while i <= #ARGV do
  local revision, gap, event, count = tonumber(ARGV[i]), ARGV[i + 1] == '1', ARGV[i + 2], tonumber(ARGV[i + 3])
  local first = i + 4
  i = first + count
  if revision == last and known and event ~= digest and digest ~= '*' and not gap then
    outcome = 'ahead'
    break
  elseif revision > last then
    if revision ~= last + 1 and not gap then
      outcome = 'lost'
      break
    end
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, first, i - 1))
    last, digest, moved, known = revision, event, true, true
  end
end
if moved then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%d:%s', last, digest))
end
return { outcome, last }
