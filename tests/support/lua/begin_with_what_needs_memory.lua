-- The first write of a script may be one that a full Redis refuses.
function begin()
end
