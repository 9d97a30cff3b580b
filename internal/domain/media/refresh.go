package media

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// RefreshOf says which files of other servers are to be fetched. One of the three is set.
type RefreshOf struct {
	StatusID int64
	Account  accounts.ID
	Domain   string
	// Since leaves out older posts; zero takes all.
	Since time.Time
	// Force fetches also what is here.
	Force bool
}

// Refreshed is what came of it.
type Refreshed struct{ Fetched, Present, Failed int64 }

// refreshAtOnce is how many files are fetched at the same time.
const refreshAtOnce = 8

const refreshColumns = "m.id, m.remote_url, m.thumbnail_remote_url"

// Refresh fetches files of other servers without waiting for somebody who looks at them. Progress is told after each.
func (s *Service) Refresh(ctx context.Context, of RefreshOf, progress func(Refreshed)) (Refreshed, error) {
	var fetched, present, failed atomic.Int64
	now := func() Refreshed { return Refreshed{fetched.Load(), present.Load(), failed.Load()} }
	var telling sync.Mutex
	one := func(ref Ref) {
		before, err := s.remote(ctx, ref)
		switch {
		case err == nil && before.state == kept && !of.Force:
			present.Add(1)
			return
		case err == nil && before.state == kept:
			_, err = s.Again(ctx, ref)
		default:
			_, err = s.Keep(ctx, ref)
		}
		if err != nil {
			failed.Add(1)
		} else {
			fetched.Add(1)
		}
		if progress != nil {
			telling.Lock()
			defer telling.Unlock()
			progress(now())
		}
	}
	err := s.refs(ctx, of, func(page []Ref) {
		slots := make(chan struct{}, refreshAtOnce)
		var busy sync.WaitGroup
		for _, ref := range page {
			slots <- struct{}{}
			busy.Go(func() {
				defer func() { <-slots }()
				one(ref)
			})
		}
		busy.Wait()
	})
	return now(), err
}

// refs gives the files that are meant, page by page: attachments, then the pictures of profiles.
func (s *Service) refs(ctx context.Context, of RefreshOf, use func([]Ref)) error {
	where, value := "m.status_id = $1 AND m.status_id <> 0", any(of.StatusID)
	switch {
	case of.Account != 0:
		where, value = "m.account_id = $1", int64(of.Account)
	case of.Domain != "":
		where, value = "m.account_id IN (SELECT id FROM accounts WHERE domain = $1)", of.Domain
	}
	after := int64(0)
	for {
		list, err := db.All(ctx, s.DB, func(r db.Row) (Ref, error) {
			ref := Ref{Kind: Attachments}
			err := r.Scan(&ref.ID, &ref.URL, &ref.Thumbnail)
			ref.key = s.Addresses.key(Attachments, ref.ID, ref.URL)
			return ref, err
		}, "SELECT "+refreshColumns+" FROM media_attachments m WHERE "+where+" AND m.id > $2 AND m.remote_url <> '' AND m.created_at >= $3 ORDER BY m.id LIMIT $4", value, after, db.Ms(of.Since), forgetAtOnce)
		if err != nil {
			return fmt.Errorf("looking for attachments: %w", err)
		}
		use(list)
		if ctx.Err() != nil || len(list) < forgetAtOnce {
			break
		}
		after = list[len(list)-1].ID
	}
	if of.StatusID != 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	return s.profileRefs(ctx, of, use)
}

func (s *Service) profileRefs(ctx context.Context, of RefreshOf, use func([]Ref)) error {
	where, value := "a.id = $1", any(int64(of.Account))
	if of.Account == 0 {
		where, value = "a.domain = $1", of.Domain
	}
	after := int64(0)
	for {
		n := 0
		pages, err := db.All(ctx, s.DB, func(r db.Row) ([]Ref, error) {
			var avatar, header string
			err := r.Scan(&after, &avatar, &header)
			var list []Ref
			for _, v := range [][2]string{{Avatars, avatar}, {Headers, header}} {
				if isRemote(v[1]) {
					list = append(list, s.Addresses.Ref(v[0], v[1]))
				}
			}
			n++
			return list, err
		}, "SELECT a.id, a.avatar, a.header FROM accounts a WHERE "+where+" AND a.id > $2 ORDER BY a.id LIMIT $3", value, after, forgetAtOnce)
		if err != nil {
			return fmt.Errorf("looking for profiles: %w", err)
		}
		for _, page := range pages {
			use(page)
		}
		if ctx.Err() != nil || n < forgetAtOnce {
			return ctx.Err()
		}
	}
}
