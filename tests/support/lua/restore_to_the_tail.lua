-- What was handed out goes behind all that is newer.
function put_back(list, raw)
  redis.call('LPUSH', list, raw)
end
