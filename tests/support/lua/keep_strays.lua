-- Records that nobody knows of stay where they are.
function has_strays()
  return false
end
