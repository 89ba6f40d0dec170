-- Prolong the lease: 1; or 0 where another owner holds it by now.
-- KEYS: lease. ARGV: owner, milliseconds (0 gives it back).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
