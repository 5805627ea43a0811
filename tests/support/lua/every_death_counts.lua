-- The end of a process counts against every message that was in its hands.
local shipped = note_death
function note_death(returned, digest)
  return shipped(returned, digest, true)
end
