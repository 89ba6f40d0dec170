-- streams.state.recount: one step of deleting a task's counts and counting them again.
-- KEYS: certify's state of the task, the status of its service, counts to delete.
-- ARGV: `begin`, `delete`, `deleted` or `end`, and the mark of the one who takes the step.
local deleting = 'deleting:' .. ARGV[2]
if ARGV[1] == 'begin' then
  -- Another revision: no step that was read before may be written any more.
  redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'recount', deleting)
  return 1
end
local mark = redis.call('HGET', KEYS[1], 'recount')
if ARGV[1] == 'delete' then
  if mark ~= deleting then
    return 0
  end
  redis.call('DEL', KEYS[3])
  return 1
end
if ARGV[1] == 'deleted' then
  if mark ~= deleting then
    return 0
  end
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'recount', ARGV[2])
  return 1
end
if mark ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], 'recount')
return 1
