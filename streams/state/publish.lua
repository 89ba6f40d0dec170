-- Store a policy and make it the active one, unless the trainer's token is outdated: 1, or 0 when refused.
-- KEYS: fence, policies, active, manifest, graph. ARGV: token, version, serial, now, manifest, graph.
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or '0') then
  return 0
end
redis.call('SET', KEYS[4], ARGV[5])
redis.call('SET', KEYS[5], ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
redis.call('HSET', KEYS[3], 'version', ARGV[2], 'token', ARGV[1], 'since', ARGV[4])
return 1
