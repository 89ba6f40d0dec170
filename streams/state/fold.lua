-- Count audits of one policy version, unless those traces were counted before.
-- KEYS: audits. ARGV: partition, then for each audit, in order: the trace's offset, 1 if the labels agreed.
local field = 'offset:' .. ARGV[1]
local upto = tonumber(redis.call('HGET', KEYS[1], field) or '-1')
local n, k = 0, 0
for i = 2, #ARGV, 2 do
  local offset = tonumber(ARGV[i])
  if offset > upto then
    n = n + 1
    k = k + tonumber(ARGV[i + 1])
    upto = offset
  end
end
if n > 0 then
  redis.call('HSET', KEYS[1], field, upto)
  redis.call('HINCRBY', KEYS[1], 'n', n)
  redis.call('HINCRBY', KEYS[1], 'k', k)
end
return n
