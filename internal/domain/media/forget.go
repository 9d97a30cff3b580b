package media

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/db"
)

// PruneDue asks for files of other servers to be forgotten that nobody looks at.
type PruneDue struct{}

// Kind names the event.
func (PruneDue) Kind() string { return "media.prune_due" }

// Bounds of what is kept of other servers.
type Bounds struct {
	// Unseen is how long a file is kept that nobody looks at; 0 for ever.
	Unseen time.Duration
	// Bytes is how much they may take together; 0 for any amount.
	Bytes int64
	// Kinds are those that are looked at; empty for all.
	Kinds []string
}

// Prune forgets files of other servers that nobody looked at for as long as the settings say, and those that were looked at least lately beyond
// the room that the settings give them. Whoever looks again has them fetched again.
func (s *Service) Prune(ctx context.Context, _ PruneDue) error {
	i, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	_, err = s.PruneTo(ctx, Bounds{Unseen: time.Duration(i.MediaCacheDays) * 24 * time.Hour, Bytes: int64(i.MediaCacheGB) << 30}, false, nil)
	return err
}

// Pruned is what was forgotten.
type Pruned struct{ Files, Bytes int64 }

// PruneTo forgets files of other servers down to some bounds; dry only counts them. Progress is told after each step.
func (s *Service) PruneTo(ctx context.Context, b Bounds, dry bool, progress func(Pruned)) (Pruned, error) {
	var done Pruned
	var total int64
	if b.Bytes > 0 {
		var err error
		if total, err = s.remoteBytes(ctx); err != nil {
			return done, err
		}
	}
	after := position{}
	for {
		list, err := s.leastSeen(ctx, b.Kinds, after)
		if err != nil {
			return done, fmt.Errorf("looking for files that nobody looks at: %w", err)
		}
		limit := s.Clock.Now().Add(-b.Unseen)
		n := 0
		for _, k := range list {
			old := b.Unseen > 0 && k.usedAt.Before(limit)
			over := b.Bytes > 0 && total > b.Bytes
			if !old && !over {
				break
			}
			n++
			total -= k.size
			done.Files, done.Bytes = done.Files+1, done.Bytes+k.size
			after = position{db.Ms(k.usedAt), k.key}
		}
		if !dry {
			if err := s.forget(ctx, list[:n]); err != nil {
				return done, err
			}
		}
		if progress != nil {
			progress(done)
		}
		if n < forgetAtOnce {
			return done, nil
		}
	}
}

type position struct {
	used int64
	key  string
}

const keptColumns = "r.key, r.kind, r.attachment_id, r.url, r.file, r.small, r.size, r.used_at"

func scanKept(r db.Row) (Kept, error) {
	var k Kept
	var used int64
	err := r.Scan(&k.key, &k.Kind, &k.ID, &k.URL, &k.File, &k.Small, &k.size, &used)
	k.usedAt = db.At(used)
	return k, err
}

func (s *Service) leastSeen(ctx context.Context, kinds []string, after position) ([]Kept, error) {
	if len(kinds) == 0 {
		for kind := range wishes {
			kinds = append(kinds, kind)
		}
	}
	return db.All(ctx, s.DB, scanKept, "SELECT "+keptColumns+" FROM remote_files r WHERE (r.used_at, r.key) > ($1, $2) AND r.kind = ANY($3) ORDER BY r.used_at, r.key LIMIT "+fmt.Sprint(forgetAtOnce),
		after.used, after.key, db.Texts(kinds))
}

func (s *Service) remoteBytes(ctx context.Context) (int64, error) {
	n, err := db.Value[int64](ctx, s.DB, "SELECT /* reads all, seldom: once an hour */ COALESCE(SUM(size), 0) FROM remote_files")
	if err != nil {
		return 0, fmt.Errorf("adding up files of other servers: %w", err)
	}
	return n, nil
}

// forget deletes stored files, then their rows: a row without its file is fetched again, a file without its row would stay for ever.
func (s *Service) forget(ctx context.Context, list []Kept) error {
	if len(list) == 0 {
		return nil
	}
	var names, keys []string
	for _, k := range list {
		keys = append(keys, k.key)
		names = append(names, k.names()...)
	}
	if err := s.Files.Delete(ctx, names...); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "forgetting files of other servers", "DELETE FROM remote_files WHERE key = ANY($1)", db.Texts(keys))
	})
}

// forgetAttachments forgets what was fetched of attachments that are gone.
func (s *Service) forgetAttachments(ctx context.Context, gone []int64) error {
	list, err := db.All(ctx, s.DB, scanKept, "SELECT "+keptColumns+" FROM remote_files r WHERE r.attachment_id = ANY($1) AND r.attachment_id <> 0", db.Array(gone))
	if err != nil {
		return fmt.Errorf("looking for files of attachments: %w", err)
	}
	return s.forget(ctx, list)
}

// Blocked forgets the files of a server whose media are no longer shown.
func (s *Service) Blocked(ctx context.Context, e instances.BlockChanged) error {
	rules, err := s.Instances.Rules(ctx, s.DB, e.Domain)
	if err != nil {
		return err
	}
	if rule := rules.Of(e.Domain); !rule.RejectMedia && rule.Severity != instances.Suspend {
		return nil
	}
	for {
		list, err := db.All(ctx, s.DB, scanKept, "SELECT "+keptColumns+" FROM remote_files r WHERE r.host = $1 OR r.host LIKE $2 ESCAPE '!' ORDER BY r.key LIMIT "+fmt.Sprint(forgetAtOnce),
			e.Domain, "%."+db.Like(e.Domain))
		if err != nil {
			return fmt.Errorf("looking for files of %s: %w", e.Domain, err)
		}
		if err := s.forget(ctx, list); err != nil || len(list) < forgetAtOnce {
			return err
		}
	}
}
