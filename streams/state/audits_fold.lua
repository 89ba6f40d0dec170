-- Write the outcome of a step of certify: 1; or 0 where the task has changed since it was read.
-- The task's state holds how far each partition is folded; each change brings a new revision.
-- KEYS: the task's state, then every other key that a command names.
-- ARGV: the revision that was read, the new one, then the commands, each led by its number of words.
if (redis.call('HGET', KEYS[1], 'revision') or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'revision', ARGV[2])
local at = 3
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return 1
