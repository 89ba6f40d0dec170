-- Is this reply the first to its request? 1 if it is, also when the same one comes again, else 0.
-- KEYS: the request's. ARGV: where the reply stands, seconds to remember it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then
  return 1
end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
