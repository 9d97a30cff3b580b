package cache

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/gomph/gomph/internal/kit/redis"
)

// Redis is a cache that several processes share. How long it keeps things is up to the server's memory policy as well.
type Redis struct {
	client *redis.Client
	prefix string
}

var _ Cache = (*Redis)(nil)

// NewRedis makes a cache on a server; all its keys begin with prefix. Closing it leaves the client open.
func NewRedis(client *redis.Client, prefix string) *Redis {
	return &Redis{client: client, prefix: prefix}
}

// Values and counters, lists, and the changes since builds began have key spaces of their own.
func (r *Redis) value(key string) string   { return r.prefix + "v:" + key }
func (r *Redis) list(key string) string    { return r.prefix + "l:" + key }
func (r *Redis) changes(key string) string { return r.prefix + "b:" + key }

// Get implements Cache.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool, error) {
	val, err := r.client.Do(ctx, r.client.B().Get().Key(r.value(key)).Build()).AsBytes()
	switch {
	case rueidis.IsRedisNil(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("reading cached %s: %w", key, err)
	}
	return val, true, nil
}

// Set implements Cache.
func (r *Redis) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	return r.SetMany(ctx, map[string][]byte{key: val}, ttl)
}

// Delete implements Cache.
func (r *Redis) Delete(ctx context.Context, keys ...string) error { return r.del(ctx, keys, r.value) }

func (r *Redis) del(ctx context.Context, keys []string, spaces ...func(string) string) error {
	full := make([]string, 0, len(keys)*len(spaces))
	for _, key := range keys {
		for _, space := range spaces {
			full = append(full, space(key))
		}
	}
	if len(full) == 0 {
		return nil
	}
	if err := r.client.Do(ctx, r.client.B().Del().Key(full...).Build().ToRetryable()).Error(); err != nil {
		return fmt.Errorf("forgetting cached %s: %w", keys[0], err)
	}
	return nil
}

// GetMany implements Cache.
func (r *Redis) GetMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	vals := make(map[string][]byte, len(keys))
	if len(keys) == 0 {
		return vals, nil
	}
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = r.value(key)
	}
	replies, err := r.client.Do(ctx, r.client.B().Mget().Key(full...).Build()).ToArray()
	if err != nil {
		return nil, fmt.Errorf("reading %d cached values: %w", len(keys), err)
	}
	for i, reply := range replies {
		val, err := reply.AsBytes()
		if rueidis.IsRedisNil(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading cached %s: %w", keys[i], err)
		}
		vals[keys[i]] = val
	}
	return vals, nil
}

// SetMany implements Cache.
func (r *Redis) SetMany(ctx context.Context, vals map[string][]byte, ttl time.Duration) error {
	cmds := make(rueidis.Commands, 0, len(vals))
	for key, val := range vals {
		if err := checkValue(key, val); err != nil {
			return err
		}
		set := r.client.B().Set().Key(r.value(key)).Value(rueidis.BinaryString(val))
		if ttl > 0 {
			cmds = append(cmds, set.PxMilliseconds(millis(ttl)).Build().ToRetryable())
		} else {
			cmds = append(cmds, set.Build().ToRetryable())
		}
	}
	for _, res := range r.client.DoMulti(ctx, cmds...) {
		if err := res.Error(); err != nil {
			return fmt.Errorf("caching: %w", err)
		}
	}
	return nil
}

// incrScript counts, and gives a counter without an end its end.
var incrScript = rueidis.NewLuaScript(`
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' and redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return sum`)

// Incr implements Cache.
func (r *Redis) Incr(ctx context.Context, key string, by int64, ttl time.Duration) (int64, error) {
	if err := checkKeys(key); err != nil {
		return 0, err
	}
	args := []string{strconv.FormatInt(by, 10), strconv.FormatInt(millis(ttl), 10)}
	reply := incrScript.Exec(ctx, r.client, []string{r.value(key)}, args)
	sum, err := reply.AsInt64()
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", key, err)
	}
	return sum, nil
}

// Close implements Cache.
func (r *Redis) Close() error { return nil }

// millis rounds up, for the server refuses a life of zero milliseconds.
func millis(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
