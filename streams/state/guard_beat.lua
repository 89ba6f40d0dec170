-- Note until when everything is folded, by the clock of Redis.
-- KEYS: guard. ARGV: milliseconds since then.
local now = redis.call('TIME')
local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', ms), 'until', string.format('%.0f', ms - tonumber(ARGV[1])))
