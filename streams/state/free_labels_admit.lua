-- Is this label of a task without a label set one of its first so many? 1 yes, 0 no.
-- KEYS: the set of the labels so far.
-- ARGV: the label, how many there may be.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  return 1
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
