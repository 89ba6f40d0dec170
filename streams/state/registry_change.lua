-- Change the serving state of a task: 1; 0 where it has changed since it was read; -1 where the trainer's
-- fencing token is outdated.
-- KEYS: the count of changes, the fence, then those that the commands work on.
-- ARGV: the count as it was read, the token or nothing, then for each command how many words follow, its name,
-- the place of its key in KEYS, and the rest of its words.
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then
  return 0
end
if ARGV[2] ~= '' and tonumber(ARGV[2]) < tonumber(redis.call('GET', KEYS[2]) or '0') then
  return -1
end
local at = 3
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  redis.call(ARGV[at + 1], KEYS[tonumber(ARGV[at + 2])], unpack(ARGV, at + 3, last))
  at = last + 1
end
redis.call('INCR', KEYS[1])
return 1
