"""The atomic steps on Redis, each a Lua script. KEYS and ARGV are named in the first lines of each.

Each that writes is given the epoch its worker knows, and writes nothing where Redis has another or none: that worker is
from before a loss of Redis.
"""

from __future__ import annotations

_book = """
-- Books entries of the cost ledger (JSON: name -> line, or '' to take one out), and what they change of the sums.
-- With caps (JSON: pairs of a sum's name and the most it may be) nothing is written where one would be passed.
-- Returns nil, or {the sum's name, what it is without the entries}.
local function added(sums, line, sign)
  if line == '' then return end
  for name, amount in pairs(cjson.decode(line).sums) do sums[name] = (sums[name] or 0) + sign * amount end
end
local function book(ledger, totals, entries, caps)
  local changes, lines = {}, {}
  for name, line in pairs(cjson.decode(entries)) do
    local old = redis.call('HGET', ledger, name) or ''
    if old ~= line then
      lines[name] = line
      added(changes, old, -1)
      added(changes, line, 1)
    end
  end
  for _, cap in ipairs(cjson.decode(caps)) do
    local change, total = changes[cap[1]] or 0, tonumber(redis.call('HGET', totals, cap[1]) or '0')
    if change > 0 and total + change > cap[2] then return {cap[1], string.format('%.0f', total)} end
  end
  for name, line in pairs(lines) do
    if line == '' then redis.call('HDEL', ledger, name) else redis.call('HSET', ledger, name, line) end
  end
  for name, change in pairs(changes) do
    if change ~= 0 and redis.call('HINCRBY', totals, name, string.format('%.0f', change)) == 0 then
      redis.call('HDEL', totals, name)
    end
  end
  return nil
end
"""

BOOK_COSTS = (
    _book
    + """
-- KEYS: epoch, ledger, sums.  ARGV: epoch, entries.  Returns 1, or 0 where the epoch is another.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
book(KEYS[2], KEYS[3], ARGV[2], '[]')
return 1
"""
)

REPLACE_JOB = """
-- KEYS: epoch, lease, job.  ARGV: epoch, lease token, job JSON.  Returns {'ok'}, {'epoch'}, {'lease'} or {'missing'}.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return {'epoch'} end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {'lease'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'missing'} end
redis.call('SET', KEYS[3], ARGV[3])
return {'ok'}
"""

CREATE_JOB = (
    _book
    + """
-- KEYS: epoch, job, jobs index, ledger, sums, then for each batch: batch, due, enqueued, its five indexes.
-- ARGV: epoch, job JSON, job member, then for each batch: doc, status, member, due score or '', enqueued tokens or '',
--       batch id, entries of the ledger.
-- Returns {'ok'}, {'taken'} if a job of this id exists, {'epoch'}.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return {'epoch'} end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], 0, ARGV[3])
local key = 6
for at = 4, #ARGV, 7 do
  local member = ARGV[at + 2]
  redis.call('HSET', KEYS[key], 'doc', ARGV[at], 'status', ARGV[at + 1], 'member', member)
  if ARGV[at + 3] ~= '' then redis.call('ZADD', KEYS[key + 1], ARGV[at + 3], member) end
  if ARGV[at + 4] ~= '' then redis.call('HSET', KEYS[key + 2], ARGV[at + 5], ARGV[at + 4]) end
  for index = key + 3, key + 7 do redis.call('ZADD', KEYS[index], 0, member) end
  book(KEYS[4], KEYS[5], ARGV[at + 6], '[]')
  key = key + 8
end
return {'ok'}
"""
)

WRITE_BATCH = (
    _book
    + """
-- KEYS: batch, lease, due, status index before, status index after, type+status index before, type+status index after,
--       epoch, enqueued, ledger, sums
-- ARGV: lease token, status expected, status after, doc, due score or '', epoch, batch id, enqueued tokens or '',
--       enqueued limit or '', entries of the ledger, caps
-- Returns {'ok'}, {'epoch'}, {'lease'}, {'missing'}, {'status', found}, {'full', tokens enqueued by others} or
--         {'cap', the sum's name, what it is without this batch}.
if (redis.call('GET', KEYS[8]) or '') ~= ARGV[6] then return {'epoch'} end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lease'} end
local found = redis.call('HGET', KEYS[1], 'status')
if not found then return {'missing'} end
if found == ARGV[3] and redis.call('HGET', KEYS[1], 'doc') == ARGV[4] then
  return {'ok'}  -- our own write, asked again after its answer was lost
end
if found ~= ARGV[2] then return {'status', found} end
if ARGV[8] ~= '' and ARGV[9] ~= '' then
  local entries, others = redis.call('HGETALL', KEYS[9]), 0
  for at = 1, #entries, 2 do
    if entries[at] ~= ARGV[7] then others = others + tonumber(entries[at + 1]) end
  end
  if others > 0 and others + tonumber(ARGV[8]) > tonumber(ARGV[9]) then return {'full', others} end
end
local passed = book(KEYS[10], KEYS[11], ARGV[10], ARGV[11])
if passed then return {'cap', passed[1], passed[2]} end
if ARGV[8] == '' then redis.call('HDEL', KEYS[9], ARGV[7]) else redis.call('HSET', KEYS[9], ARGV[7], ARGV[8]) end
local member = redis.call('HGET', KEYS[1], 'member')
redis.call('HSET', KEYS[1], 'doc', ARGV[4], 'status', ARGV[3])
if ARGV[2] ~= ARGV[3] then
  redis.call('ZREM', KEYS[4], member)
  redis.call('ZREM', KEYS[6], member)
  redis.call('ZADD', KEYS[5], 0, member)
  redis.call('ZADD', KEYS[7], 0, member)
end
if ARGV[5] == '' then redis.call('ZREM', KEYS[3], member) else redis.call('ZADD', KEYS[3], ARGV[5], member) end
return {'ok'}
"""
)

RENEW_LEASE = """
-- KEYS: lease.  ARGV: token, milliseconds.  Returns 1, or 0 if it is not ours any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

RELEASE_LEASE = """
-- KEYS: lease.  ARGV: token.  Leaves a lease that is not ours alone.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

DELETE_BATCH = (
    _book
    + """
-- KEYS: batch, lease, job, jobs index, enqueued, ledger, sums, the job's own index, then every other index that may
--       hold the batch.
-- ARGV: lease token, job member, batch id, entries of the ledger.  Returns 1, or 0 without the lease.
-- A job goes with its last batch; what was spent stays in the ledger.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local member = redis.call('HGET', KEYS[1], 'member')
if member then
  for index = 8, #KEYS do redis.call('ZREM', KEYS[index], member) end
end
redis.call('HDEL', KEYS[5], ARGV[3])
book(KEYS[6], KEYS[7], ARGV[4], '[]')
redis.call('DEL', KEYS[1], KEYS[2])
if redis.call('ZCARD', KEYS[8]) == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[4], ARGV[2])
end
return 1
"""
)
