-- Add to the spending of one task and of all tasks, and let go of calls in flight.
-- KEYS: of all tasks, then of the task: the calls in flight, the spending of a day (the day is added).
-- ARGV: seconds for which a day is kept, how many ids, the ids, then names and amounts in turn.
-- Returns: the day; then of all tasks, then of the task: the day's calls, tokens, money and calls that failed,
--          as texts.
local day = math.floor(redis.call('TIME')[1] / 86400)
local ids = tonumber(ARGV[2])
local reply = {day}
for scope = 0, 1 do
  local flying, spending = KEYS[scope * 2 + 1], KEYS[scope * 2 + 2] .. ':' .. day
  local late = ids
  for place = 3, 2 + ids do
    late = late - redis.call('ZREM', flying, ARGV[place])
  end
  -- They were taken for lost, and counted as made at the price of all others (`spending_admit`).
  local spent = redis.call('HMGET', spending, 'calls', 'tokens', 'money', 'failed')
  local calls = (spent[1] or '0') - (spent[4] or '0')
  if late > 0 and calls >= late then
    redis.call('HINCRBYFLOAT', spending, 'calls', -late)
    redis.call('HINCRBYFLOAT', spending, 'tokens', -math.floor((spent[2] or '0') / calls * late))
    redis.call('HINCRBYFLOAT', spending, 'money', -(spent[3] or '0') / calls * late)
  end
  for place = 3 + ids, #ARGV, 2 do
    redis.call('HINCRBYFLOAT', spending, ARGV[place], ARGV[place + 1])
  end
  if #ARGV >= 3 + ids then
    redis.call('EXPIRE', spending, ARGV[1])
  end
  for _, amount in ipairs(redis.call('HMGET', spending, 'calls', 'tokens', 'money', 'failed')) do
    table.insert(reply, amount or '0')
  end
end
return reply
