-- How many calls of the teacher may begin now, for one task, under its limits and under those of all tasks?
-- KEYS: of all tasks, then of the task: the pace, the calls in flight, the spending of a day (the day is added);
--       then the workers.
-- ARGV: the worker, calls that it asks for, first number of their ids, milliseconds that a call may take,
--       further calls that it has made without asking; then of all tasks, then of the task, -1 for none: calls
--       a second, calls in flight, calls a day, tokens a day, money a day; seconds for which a day is kept.
-- Returns: how many; how many workers there are; then of all tasks, then of the task: milliseconds until the
--          pace allows another call, calls in flight, and the day's calls, tokens, money (as a text) and
--          calls that failed.
-- The pace is the time at which the bucket is full again, in microseconds (a generic cell rate algorithm).
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
local day = ':' .. math.floor(time[1] / 86400)
local worker, granted, first = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, debt = tonumber(ARGV[4]), tonumber(ARGV[5])

redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', ms)
redis.call('ZADD', KEYS[7], ms + 10000, worker)
redis.call('PEXPIRE', KEYS[7], 60000)

local scopes, reply = {}, {0, redis.call('ZCARD', KEYS[7])}
for number = 0, 1 do
  local keys, limits = number * 3, 5 + number * 5
  local scope = {pace = KEYS[keys + 1], flying = KEYS[keys + 2], full = us, interval = 0}
  local rate, in_flight = tonumber(ARGV[limits + 1]), tonumber(ARGV[limits + 2])
  local spending = KEYS[keys + 3] .. day
  local spent = redis.call('HMGET', spending, 'calls', 'tokens', 'money', 'failed')
  -- A call that nobody has ended was made, for all that is known, and has cost what calls cost.
  local lost = redis.call('ZREMRANGEBYSCORE', scope.flying, '-inf', ms)
  if lost > 0 then
    local before = math.max((spent[1] or '0') - (spent[4] or '0'), 1)
    redis.call('HINCRBYFLOAT', spending, 'calls', lost)
    redis.call('HINCRBYFLOAT', spending, 'tokens', math.floor((spent[2] or '0') / before * lost))
    redis.call('HINCRBYFLOAT', spending, 'money', (spent[3] or '0') / before * lost)
    redis.call('EXPIRE', spending, ARGV[16])
    spent = redis.call('HMGET', spending, 'calls', 'tokens', 'money', 'failed')
  end
  local flying = redis.call('ZCARD', scope.flying)
  local calls, failed = tonumber(spent[1] or '0'), tonumber(spent[4] or '0')
  local answers = calls - failed
  local wait = 0
  if rate > 0 then
    scope.interval = 1000000 / rate
    scope.full = math.max(us, tonumber(redis.call('GET', scope.pace) or '0')) + debt * scope.interval
    local burst = (math.max(1, rate / 4) - 1) * scope.interval
    local allowed = math.floor((us + burst - scope.full) / scope.interval) + 1
    if allowed < 1 then
      wait = math.ceil((scope.full - burst - us) / 1000)
    end
    granted = math.min(granted, allowed)
  end
  if in_flight >= 0 then
    granted = math.min(granted, in_flight - flying)
  end
  if tonumber(ARGV[limits + 3]) >= 0 then
    granted = math.min(granted, tonumber(ARGV[limits + 3]) - calls - flying)
  end
  -- A call in flight is taken to cost what answers have cost so far today. The first one of a day shows it.
  for place = 2, 3 do
    local ceiling, used = tonumber(ARGV[limits + 2 + place]), tonumber(spent[place] or '0')
    if ceiling >= 0 then
      local each = answers > 0 and used / answers or 0
      local left = ceiling - used - flying * each
      if left <= 0 then
        granted = 0
      elseif answers <= 0 then
        granted = math.min(granted, 1 - flying)
      elseif each > 0 then
        granted = math.min(granted, math.floor(left / each))
      end
    end
  end
  scopes[number + 1] = scope
  for _, value in ipairs({wait, flying, calls, tonumber(spent[2] or '0'), spent[3] or '0', failed}) do
    table.insert(reply, value)
  end
end

granted = math.max(0, granted)
reply[1] = granted
for _, scope in ipairs(scopes) do
  if scope.interval > 0 and (granted > 0 or debt > 0) then
    local full = scope.full + granted * scope.interval
    redis.call('SET', scope.pace, string.format('%.0f', full), 'PX', math.ceil((full - us) / 1000) + 1000)
  end
  for number = first, first + granted - 1 do
    redis.call('ZADD', scope.flying, ms + lease, worker .. ':' .. string.format('%.0f', number))
  end
  if granted > 0 then
    -- Longer than the lease, so that who comes later counts what was lost.
    redis.call('PEXPIRE', scope.flying, lease + 86400000)
  end
end
return reply
