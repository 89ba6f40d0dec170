-- Request a refit of a task, merged with the request that stands: `revision since urgent reason`.
-- KEYS: requests. ARGV: task, since, reason, 1 for an alarm's or 0.
local now = redis.call('TIME')
local revision = now[1] .. string.format('%06d', tonumber(now[2]))
local since, reason, urgent = ARGV[2], ARGV[3], ARGV[4]
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before then
  local _, earlier, was_urgent, why = string.match(before, '^(%d+) (-?%d+) (%d) (.*)$')
  if tonumber(earlier) > tonumber(since) then
    since = earlier
  end
  if was_urgent == '1' then
    if urgent ~= '1' then
      reason = why
    end
    urgent = '1'
  end
end
redis.call('HSET', KEYS[1], ARGV[1], revision .. ' ' .. since .. ' ' .. urgent .. ' ' .. reason)
