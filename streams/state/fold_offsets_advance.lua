-- Note how far partitions are folded: 1; or 0 where Redis holds less than the caller knew, since it has lost counts.
-- KEYS: folded. ARGV: for each partition its name, what the caller knew, and what is folded now.
for i = 1, #ARGV, 3 do
  if tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0') < tonumber(ARGV[i + 1]) then
    return 0
  end
end
for i = 1, #ARGV, 3 do
  if tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0') < tonumber(ARGV[i + 2]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  end
end
return 1
