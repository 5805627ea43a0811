-- One call parks as many messages as there are.
function parks_more(count, bytes)
  return true
end
