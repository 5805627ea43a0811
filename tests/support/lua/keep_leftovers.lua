-- Records that the owner does not know of stay where they are.
function has_leftovers()
  return false
end
