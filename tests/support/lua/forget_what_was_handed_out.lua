-- The same numbers again are a new question.
function handed_out()
  return {}
end
