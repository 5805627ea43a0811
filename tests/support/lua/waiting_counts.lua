-- A message that something else held up counts as one that kills.
function counts_as_death(died)
  return died
end
