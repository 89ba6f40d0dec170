-- Count a candidate's checked answers, each trace once: n answers, k of which agree.
-- KEYS: trial. ARGV: partition, then for each answer, in order: the trace's offset, 1 if the labels agreed.
local field, key = 'offset:' .. ARGV[1], KEYS[1]
local upto = tonumber(redis.call('HGET', key, field) or '-1')
for i = 2, #ARGV, 2 do
  if tonumber(ARGV[i]) > upto then
    upto = tonumber(ARGV[i])
    redis.call('HINCRBY', key, 'n', 1)
    redis.call('HINCRBY', key, 'k', ARGV[i + 1])
  end
end
redis.call('HSET', key, field, string.format('%.0f', upto))
return {tonumber(redis.call('HGET', key, 'n') or '0'), tonumber(redis.call('HGET', key, 'k') or '0')}
