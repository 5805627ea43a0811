-- What came back after a death is taken together again.
function is_taken_alone()
  return false
end
