-- Count calls that name no task, by kind; forget kinds that are old, and those with the fewest calls where there are too many.
-- KEYS: the hash of descriptions, the sorted sets of calls and of the last call's time.
-- ARGV: now, the oldest time that is kept, how many kinds are kept, seconds until all expire; then hash, calls and
--       description in turn.
local function forget(kinds)
  for _, kind in ipairs(kinds) do
    redis.call('HDEL', KEYS[1], kind)
    redis.call('ZREM', KEYS[2], kind)
    redis.call('ZREM', KEYS[3], kind)
  end
end
forget(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[2]))
for place = 5, #ARGV, 3 do
  redis.call('HSETNX', KEYS[1], ARGV[place], ARGV[place + 2])
  redis.call('ZINCRBY', KEYS[2], ARGV[place + 1], ARGV[place])
  redis.call('ZADD', KEYS[3], ARGV[1], ARGV[place])
end
local surplus = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if surplus > 0 then
  forget(redis.call('ZRANGE', KEYS[2], 0, surplus - 1))
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[4])
end
