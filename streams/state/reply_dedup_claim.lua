-- Does this reply count? 0 no, 1 yes, 2 yes, as the label after an error. The same reply gets the same answer.
-- KEYS: the label's position, the mark of any error, the position of this attempt's error.
-- ARGV: where the reply stands, seconds to remember it, `label` or `error`.
local where, memory = ARGV[1], ARGV[2]
local labelled = redis.call('GET', KEYS[1])
if ARGV[3] == 'label' then
  if labelled and labelled ~= where then
    return 0
  end
  if not labelled then
    redis.call('SET', KEYS[1], where, 'EX', memory)
    redis.call('EXPIRE', KEYS[2], memory) -- so that a redelivery finds it for as long as the label
  end
  return 1 + redis.call('EXISTS', KEYS[2])
end
if labelled == where then -- earlier releases let an error claim the label's place
  redis.call('DEL', KEYS[1])
  labelled = false
end
local failed = redis.call('GET', KEYS[3])
if failed == where then
  return 1
end
if labelled or failed then
  return 0
end
redis.call('SET', KEYS[3], where, 'EX', memory)
redis.call('SET', KEYS[2], '1', 'EX', memory)
return 1
