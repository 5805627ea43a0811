-- Whoever asks owns the queue, once it has had an owner.
function is_owner(owner)
  return owner
end
