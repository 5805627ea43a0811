-- Reads the parked messages of one queue, the oldest first, and leaves them there.
-- KEYS: poison
-- ARGV: most messages, most bytes of them together; one is read in any case
-- Returns for each: its name for forget_parked.lua ('' for the element itself), the size and the digest of its message
-- if that was not kept whole ('' if it was), and the element, with no more of its message than is kept.
local found, bytes = {}, 0
for i = 1, tonumber(ARGV[1]) do
  local element = bytes < tonumber(ARGV[2]) and redis.call('LINDEX', KEYS[1], -i)
  if not element or (i > 1 and bytes + #element > tonumber(ARGV[2])) then
    break
  end
  bytes = bytes + #element
  local name, size, digest = '', '', ''
  if not kept_whole(element) then
    local header = string.match(string.sub(element, 1, 4096), '^[^\n]*\n%d[^\n]*\n%d+\n[^\n]*\n') or ''
    local raw = string.sub(element, #header + 1)
    name = name_of_parked(element)
    if not kept_whole(raw) then
      size, digest, element = text(#raw), digest_of_large(raw), header .. beginning(raw)
    end
  end
  for _, part in ipairs({name, size, digest, element}) do
    table.insert(found, part)
  end
end
if bytes > 8388608 then
  collectgarbage()
end
return found
