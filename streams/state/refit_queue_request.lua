-- Request a refit of a task, merged with the request that stands: `revision since urgent reason`.
-- A `since` ahead of the clock of Redis is taken for now, or no trace would be recent enough.
-- KEYS: requests. ARGV: task, since, reason, 1 for an alarm's or 0.
local now = redis.call('TIME')
local revision = now[1] .. string.format('%06d', tonumber(now[2]))
local since, reason, urgent = ARGV[2], ARGV[3], ARGV[4]
local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
if tonumber(since) > ms then
  since = string.format('%.0f', ms)
end
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
