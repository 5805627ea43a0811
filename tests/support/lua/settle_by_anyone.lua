-- Whoever settles, settles all that is in work in the queue.
function remove(unacked)
  return redis.call('DEL', unacked)
end
