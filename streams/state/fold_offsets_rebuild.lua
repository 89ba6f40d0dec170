-- Change the claim to rebuild lost counts: 1; or 0 where the claim has changed meanwhile.
-- KEYS: folded. ARGV: the claim that stands, the new one or nothing, then partitions and how far each is folded.
if (redis.call('HGET', KEYS[1], 'rebuilding') or '') ~= ARGV[1] then
  return 0
end
for i = 3, #ARGV, 2 do
  if tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0') < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], 'rebuilding')
else
  redis.call('HSET', KEYS[1], 'rebuilding', ARGV[2])
end
return 1
