-- Note what a worker says of itself, by the clock of Redis, and remove what was said more than an hour ago.
-- KEYS: workers. ARGV: name, report.
local now = redis.call('TIME')
local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', ms) .. ' ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for place = 1, #all, 2 do
  local at = tonumber(string.match(all[place + 1], '^%d+')) or 0
  if ms - at > 3600000 then redis.call('HDEL', KEYS[1], all[place]) end
end
