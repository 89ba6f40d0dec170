-- Remove the request of a task, unless it was made again since it was read.
-- KEYS: requests. ARGV: task, revision.
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry and string.match(entry, '^%d+') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
