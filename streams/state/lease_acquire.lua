-- Take the lease if it is free: its fencing token, higher than any before, or 0.
-- KEYS: lease, fence. ARGV: owner, milliseconds.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('INCR', KEYS[2])
end
return 0
