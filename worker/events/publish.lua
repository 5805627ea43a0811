-- Append the pending events of subjects to the stream, each once and in the order of revisions.
--
-- KEYS  1 stream, 2 hash of last revisions, 3 ledger of the stream: see ledger.lua
-- ARGV  1 approximate length to trim to, 2 most bytes of the stream, 3 CloudEvents source, 4 address of the schemas,
--       then for each subject:
--         "{its present revision in the store} {number of its events} {type} {name}", then for each of its events:
--           "{revision} {1 if it may jump (gap), else 0} {digest} {time} {traceparent, or nothing}", and its data
--
-- The hash holds "{revision}:{digest}" of each subject: the SHA-1 of the event's data, or of the event that it replaces.
-- The digest tells an event that is published already from another one with the same revision, which a store that was
-- restored from a backup makes. "*" stands for any event of that revision.
--
-- Returns for each subject { outcome, last revision on the stream }, in one flat list; outcome is
--   "ok"     every event is on the stream
--   "lost"   the stream lacks events before the first pending one
--   "ahead"  the stream has revisions that the store does not have, or has differently
local source, schemas = ARGV[3], ARGV[4]

check_rights(
  {'XADD', KEYS[1], '*', '', ''}, {'XTRIM', KEYS[1], 'MAXLEN', '0'}, {'HSET', KEYS[2], '', ''},
  {'RPUSH', KEYS[3], ''}, {'LSET', KEYS[3], '0', ''}, {'LPOP', KEYS[3]})

-- Return the last revision on the stream, and its digest; 0 and nil if there is none. What is no position counts as
-- none, as if Redis had lost it: the present state is published in its place.
local function position(field)
  local known = redis.call('HGET', KEYS[2], field)
  local revision, digest = string.match(known or '', '^(%d+):(.*)$')
  if not revision or #revision > 15 then
    return 0, nil
  end
  return tonumber(revision), digest
end

local function add(kind, schema, name, revision, gap, time, traceparent, data)
  local fields = {
    'specversion', '1.0', 'type', kind, 'source', source, 'subject', name, 'id', name .. '@' .. revision, 'time', time,
    'sequence', string.rep('0', 20 - #revision) .. revision, 'partitionkey', name,
    'datacontenttype', 'application/json', 'dataschema', schemas .. '/' .. schema .. '.json',
  }
  local function set(field, value)
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  if traceparent ~= '' then
    set('traceparent', traceparent)
  end
  if gap then
    set('gap', 'true')
  end
  set('data', data)
  append(fields)
end

open_ledger()
local replies = {}
local i = 5
while i <= #ARGV do
  local present, count, kind, name = string.match(ARGV[i], '^(%d+) (%d+) (%S+) (.*)$')
  local first = i + 1
  i = first + 2 * tonumber(count)
  local short = string.match(kind, '[^.]*$')
  local field = short .. '|' .. name
  local last, digest = position(field)
  local outcome, moved = 'ok', false
  if last > tonumber(present) then
    outcome = 'ahead'
    first = i
  end
  for at = first, i - 1, 2 do
    local text, jump, event, time, traceparent = string.match(ARGV[at], '^(%d+) ([01]) (%S+) (%S+) (.*)$')
    local revision, gap = tonumber(text), jump == '1'
    if revision == last and digest and event ~= digest and digest ~= '*' and not gap then
      outcome = 'ahead'
      break
    elseif revision > last then
      if revision ~= last + 1 and not gap then
        outcome = 'lost'
        break
      end
      add(kind, short, name, text, gap, time, traceparent, ARGV[at + 1])
      last, digest, moved = revision, event, true
    end
  end
  -- Behind the subject's last event at once: if a later subject fails, nothing of this one is published twice.
  if moved then
    redis.call('HSET', KEYS[2], field, string.format('%d:%s', last, digest))
  end
  replies[#replies + 1] = outcome
  replies[#replies + 1] = last
end
store()
return replies
