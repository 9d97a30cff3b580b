package cache

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// A list is a sorted set whose members all have score 0 and are ordered by their bytes: eight for an id, big-endian, sign bit flipped. (As
// scores, ids above 2^53 would lose digits.) The empty member stands for the list itself, so that an empty list exists; it sorts first.
//
// The changes since builds began are a hash: id to "1" (pushed) or "0" (removed), and under "g" the build's name.

// pushBatch is how many lists one script call touches: each takes some microseconds, during which the server does nothing else.
const pushBatch = 250

// pushScript: KEYS list and changes by turns; ARGV max, then how many ids each list gets, each followed by them.
const pushScript = `
local at = 2
for i = 1, #KEYS, 2 do
  local n = tonumber(ARGV[at])
  local list = redis.call('EXISTS', KEYS[i]) == 1
  local building = redis.call('EXISTS', KEYS[i + 1]) == 1
  local empty = list and redis.call('ZCARD', KEYS[i]) == 1
  for j = at + 1, at + n do
    if list and (empty or redis.call('ZLEXCOUNT', KEYS[i], '(', '(' .. ARGV[j]) > 0) then redis.call('ZADD', KEYS[i], 0, ARGV[j]) end
    if building then redis.call('HSET', KEYS[i + 1], ARGV[j], '1') end
  end
  if list then redis.call('ZREMRANGEBYRANK', KEYS[i], 1, -(tonumber(ARGV[1]) + 1)) end
  at = at + n + 1
end`

var (
	// removeScript: KEYS list, changes; ARGV ids.
	removeScript = rueidis.NewLuaScriptRetryable(`
local building = redis.call('EXISTS', KEYS[2]) == 1
for _, id in ipairs(ARGV) do
  redis.call('ZREM', KEYS[1], id)
  if building then redis.call('HSET', KEYS[2], id, '0') end
end`)
	// rangeScript: KEYS list; ARGV direction, upper bound, lower bound, limit. False when there is no list.
	rangeScript = rueidis.NewLuaScriptRetryable(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
if ARGV[1] == 'up' then
  return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[3], ARGV[2], 'LIMIT', 0, ARGV[4])
end
return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])`)
	// startScript: KEYS changes; ARGV a new build's name, milliseconds. Gives the name in force.
	startScript = rueidis.NewLuaScriptRetryable(`
redis.call('HSETNX', KEYS[1], 'g', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGET', KEYS[1], 'g')`)
	// putScript: KEYS list, changes; ARGV build, max, milliseconds, ids.
	putScript = rueidis.NewLuaScriptRetryable(`
if redis.call('HGET', KEYS[2], 'g') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], 0, '')
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
local changes = redis.call('HGETALL', KEYS[2])
for i = 1, #changes, 2 do
  if changes[i] ~= 'g' and changes[i + 1] == '1' and (#ARGV == 3 or redis.call('ZLEXCOUNT', KEYS[1], '(', '(' .. changes[i]) > 0) then
    redis.call('ZADD', KEYS[1], 0, changes[i])
  end
end
for i = 1, #changes, 2 do
  if changes[i + 1] == '0' then redis.call('ZREM', KEYS[1], changes[i]) end
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 1, -(tonumber(ARGV[2]) + 1))
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1`)
)

func encodeID(id int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id)^1<<63)
	return string(b[:])
}

func decodeID(s string) (int64, error) {
	if len(s) != 8 {
		return 0, fmt.Errorf("a member of %d bytes is no id", len(s))
	}
	return int64(binary.BigEndian.Uint64([]byte(s)) ^ 1<<63), nil
}

// ListPush implements Cache.
func (r *Redis) ListPush(ctx context.Context, entries []ListEntry, max int) error {
	limit := strconv.Itoa(clampMax(max))
	var cmds rueidis.Commands
	for len(entries) > 0 {
		batch := entries[:min(len(entries), pushBatch)]
		entries = entries[len(batch):]
		keys := make([]string, 0, 2*len(batch))
		args := append(make([]string, 0, 1+2*len(batch)), limit)
		for i := range batch {
			en := &batch[i]
			if err := checkKeys(en.Key); err != nil {
				return err
			}
			keys = append(keys, r.list(en.Key), r.changes(en.Key))
			args = append(args, strconv.Itoa(1+len(en.Extra)), encodeID(en.ID))
			for _, id := range en.Extra {
				args = append(args, encodeID(id))
			}
		}
		cmds = append(cmds, r.client.B().Eval().Script(pushScript).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build().ToRetryable())
	}
	for _, res := range r.client.DoMulti(ctx, cmds...) {
		if err := res.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return fmt.Errorf("pushing on lists: %w", err)
		}
	}
	return nil
}

// ListRemove implements Cache.
func (r *Redis) ListRemove(ctx context.Context, key string, ids ...int64) error {
	err := removeScript.Exec(ctx, r.client, []string{r.list(key), r.changes(key)}, encodeIDs(nil, ids)).Error()
	if err != nil && !rueidis.IsRedisNil(err) {
		return fmt.Errorf("removing from list %s: %w", key, err)
	}
	return nil
}

// ListRange implements Cache.
func (r *Redis) ListRange(ctx context.Context, key string, maxID, sinceID, minID int64, limit int) ([]int64, bool, error) {
	direction, upper, lower := "down", "+", "(" // "(" alone: above the empty member
	if maxID != 0 {
		upper = "(" + encodeID(maxID)
	}
	if sinceID != 0 {
		lower = "(" + encodeID(sinceID)
	}
	if minID != 0 {
		direction, lower = "up", "("+encodeID(minID)
	}
	limit = max(0, min(limit, MaxRange))
	reply := rangeScript.Exec(ctx, r.client, []string{r.list(key)}, []string{direction, upper, lower, strconv.Itoa(limit)})
	members, err := reply.AsStrSlice()
	if rueidis.IsRedisNil(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading list %s: %w", key, err)
	}
	ids := make([]int64, len(members))
	for i, m := range members {
		at := i
		if direction == "up" {
			at = len(members) - 1 - i
		}
		if ids[at], err = decodeID(m); err != nil {
			return nil, false, fmt.Errorf("reading list %s: %w", key, err)
		}
	}
	return ids, true, nil
}

// ListStart implements Cache.
func (r *Redis) ListStart(ctx context.Context, key string) (Build, error) {
	if err := checkKeys(key); err != nil {
		return "", err
	}
	args := []string{string(newBuild()), strconv.FormatInt(millis(BuildTime), 10)}
	build, err := startScript.Exec(ctx, r.client, []string{r.changes(key)}, args).ToString()
	if err != nil {
		return "", fmt.Errorf("beginning to build list %s: %w", key, err)
	}
	return Build(build), nil
}

// ListPut implements Cache.
func (r *Redis) ListPut(ctx context.Context, key string, build Build, ids []int64, max int, ttl time.Duration) (bool, error) {
	args := []string{string(build), strconv.Itoa(clampMax(max)), strconv.FormatInt(millis(ttl), 10)}
	reply := putScript.Exec(ctx, r.client, []string{r.list(key), r.changes(key)}, encodeIDs(args, ids))
	done, err := reply.AsInt64()
	if err != nil {
		return false, fmt.Errorf("building list %s: %w", key, err)
	}
	return done == 1, nil
}

// ListDrop implements Cache.
func (r *Redis) ListDrop(ctx context.Context, keys ...string) error {
	return r.del(ctx, keys, r.list, r.changes)
}

func encodeIDs(to []string, ids []int64) []string {
	for _, id := range ids {
		to = append(to, encodeID(id))
	}
	return to
}
