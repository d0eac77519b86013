"""The atomic steps on Redis, each a Lua script. KEYS and ARGV are named in the first lines of each."""

from __future__ import annotations

CREATE_JOB = """
-- KEYS: job, jobs index, then for each batch: batch, due, its five indexes.
-- ARGV: job JSON, job member, then for each batch: doc, status, member, due score.
-- Returns 1 if made, 0 if a job of this id exists (nothing is written then).
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], 0, ARGV[2])
local key = 3
for at = 3, #ARGV, 4 do
  local batch, due = KEYS[key], KEYS[key + 1]
  redis.call('HSET', batch, 'doc', ARGV[at], 'status', ARGV[at + 1], 'member', ARGV[at + 2])
  redis.call('ZADD', due, ARGV[at + 3], ARGV[at + 2])
  for index = key + 2, key + 6 do redis.call('ZADD', KEYS[index], 0, ARGV[at + 2]) end
  key = key + 7
end
return 1
"""

WRITE_BATCH = """
-- KEYS: batch, lease, due, status index before, status index after, type+status index before, type+status index after
-- ARGV: lease token, status expected, status after, doc, due score (or '')
-- Returns {'ok'}, {'lease'}, {'missing'} or {'status', found}.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lease'} end
local found = redis.call('HGET', KEYS[1], 'status')
if not found then return {'missing'} end
if found == ARGV[3] and redis.call('HGET', KEYS[1], 'doc') == ARGV[4] then
  return {'ok'}  -- our own write, asked again after its answer was lost
end
if found ~= ARGV[2] then return {'status', found} end
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

DELETE_BATCH = """
-- KEYS: batch, lease, job, jobs index, the job's own index, then every other index that may hold the batch.
-- ARGV: lease token, job member.  Returns 1, or 0 without the lease.  A job goes with its last batch.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local member = redis.call('HGET', KEYS[1], 'member')
if member then
  for index = 5, #KEYS do redis.call('ZREM', KEYS[index], member) end
end
redis.call('DEL', KEYS[1], KEYS[2])
if redis.call('ZCARD', KEYS[5]) == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[4], ARGV[2])
end
return 1
"""
