-- Do all that follows from a task's audits, unless the task has changed since it was read: 1, or 0 then.
-- The record holds how far each partition is folded; a new revision, and a fold, comes with each change of it.
-- KEYS: the task's record, then every other key that a command names.
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
