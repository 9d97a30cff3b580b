package filters

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

func decode(list string) (out []string, err error) { return out, json.Unmarshal([]byte(list), &out) }

func encode(list []string) string {
	b, _ := json.Marshal(list) // strings always encode
	return string(b)
}

const columns = "f.id, f.account_id, f.title, f.context, f.action, f.expires_at"

func scan(r db.Row) (*Filter, error) {
	var f Filter
	var contexts string
	var expires int64
	if err := r.Scan(&f.ID, &f.AccountID, &f.Title, &contexts, &f.Action, &expires); err != nil {
		return nil, err
	}
	f.ExpiresAt = db.At(expires)
	var err error
	f.Context, err = decode(contexts)
	return &f, err
}

func scanKeyword(r db.Row) (k Keyword, err error) {
	return k, r.Scan(&k.ID, &k.FilterID, &k.Keyword, &k.WholeWord)
}

func scanStatus(r db.Row) (x Status, err error) { return x, r.Scan(&x.ID, &x.FilterID, &x.StatusID) }

const (
	keywordColumns = "k.id, k.custom_filter_id, k.keyword, k.whole_word"
	statusColumns  = "x.id, x.custom_filter_id, x.status_id"
)

// List gives a person's filters with their keywords and posts, expired ones too; three statements.
func (s *Service) List(ctx context.Context, q db.Q, me accounts.ID) ([]*Filter, error) {
	list, err := db.All(ctx, q, scan, "SELECT "+columns+" FROM custom_filters f WHERE f.account_id = $1 ORDER BY f.id", me)
	if err != nil {
		return nil, fmt.Errorf("listing filters: %w", err)
	}
	return list, s.fill(ctx, q, list)
}

func (s *Service) fill(ctx context.Context, q db.Q, list []*Filter) error {
	if len(list) == 0 {
		return nil
	}
	by := map[int64]*Filter{}
	keys := make([]int64, len(list))
	for i, f := range list {
		by[f.ID], keys[i] = f, f.ID
	}
	words, err := db.All(ctx, q, scanKeyword, "SELECT "+keywordColumns+" FROM custom_filter_keywords k WHERE k.custom_filter_id = ANY($1) ORDER BY k.id", db.Array(keys))
	if err != nil {
		return fmt.Errorf("listing keywords: %w", err)
	}
	for _, k := range words {
		by[k.FilterID].Keywords = append(by[k.FilterID].Keywords, k)
	}
	posts, err := db.All(ctx, q, scanStatus, "SELECT "+statusColumns+" FROM custom_filter_statuses x WHERE x.custom_filter_id = ANY($1) ORDER BY x.id", db.Array(keys))
	if err != nil {
		return fmt.Errorf("listing filtered posts: %w", err)
	}
	for _, x := range posts {
		by[x.FilterID].Statuses = append(by[x.FilterID].Statuses, x)
	}
	return nil
}

// ByID is one of a person's own filters; another's is errs.NotFound (VIS-10).
func (s *Service) ByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (*Filter, error) {
	f, err := scan(q.QueryRow(ctx, "SELECT "+columns+" FROM custom_filters f WHERE f.id = $1 AND f.account_id = $2", id, me))
	if err != nil {
		return nil, err
	}
	return f, s.fill(ctx, q, []*Filter{f})
}

// KeywordByID is a keyword of one of a person's own filters.
func (s *Service) KeywordByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (Keyword, error) {
	return scanKeyword(q.QueryRow(ctx, "SELECT "+keywordColumns+" FROM custom_filter_keywords k JOIN custom_filters f ON f.id = k.custom_filter_id WHERE k.id = $1 AND f.account_id = $2", id, me))
}

// StatusByID is a post of one of a person's own filters, by the id of the row.
func (s *Service) StatusByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (Status, error) {
	return scanStatus(q.QueryRow(ctx, "SELECT "+statusColumns+" FROM custom_filter_statuses x JOIN custom_filters f ON f.id = x.custom_filter_id WHERE x.id = $1 AND f.account_id = $2", id, me))
}

// write runs a change of a person's filters in a transaction, and tells of it.
func (s *Service) write(ctx context.Context, me accounts.ID, what string, fn func(tx *db.Tx) error) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		s.changed(tx, me)
		return fn(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Create makes a filter.
func (s *Service) Create(ctx context.Context, me accounts.ID, c Change) (*Filter, error) {
	now := s.Clock.Now()
	f := &Filter{ID: s.IDs.Next(), AccountID: me, Action: "warn"}
	if err := f.apply(c, now); err != nil {
		return nil, err
	}
	err := s.write(ctx, me, "creating a filter", func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO custom_filters (id, account_id, title, context, action, expires_at, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $7 WHERE (SELECT COUNT(*) FROM custom_filters WHERE account_id = $2) < $8`,
			f.ID, me, f.Title, encode(f.Context), f.Action, db.Ms(f.ExpiresAt), db.Ms(now), MaxFilters)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.Invalid("Validation failed: You have reached the maximum number of filters")
		}
		return s.changeKeywords(ctx, tx, me, f.ID, c.Keywords)
	})
	if err != nil {
		return nil, err
	}
	return s.ByID(ctx, s.DB, me, f.ID)
}

// Update changes a filter.
func (s *Service) Update(ctx context.Context, me accounts.ID, id int64, c Change) (*Filter, error) {
	err := s.write(ctx, me, "changing a filter", func(tx *db.Tx) error {
		f, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM custom_filters f WHERE f.id = $1 AND f.account_id = $2"+tx.ForUpdate(), id, me))
		if err != nil {
			return err
		}
		if err := s.update(ctx, tx, f, c); err != nil {
			return err
		}
		return s.changeKeywords(ctx, tx, me, id, c.Keywords)
	})
	if err != nil {
		return nil, err
	}
	return s.ByID(ctx, s.DB, me, id)
}

func (s *Service) update(ctx context.Context, tx *db.Tx, f *Filter, c Change) error {
	now := s.Clock.Now()
	if err := f.apply(c, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE custom_filters SET title = $1, context = $2, action = $3, expires_at = $4, updated_at = $5 WHERE id = $6",
		f.Title, encode(f.Context), f.Action, db.Ms(f.ExpiresAt), db.Ms(now), f.ID)
	return err
}

// Delete removes a filter with all that is in it.
func (s *Service) Delete(ctx context.Context, me accounts.ID, id int64) error {
	return s.write(ctx, me, "deleting a filter", func(tx *db.Tx) error {
		return found(tx.Exec(ctx, "DELETE FROM custom_filters WHERE id = $1 AND account_id = $2", id, me))
	})
}

func found(n int64, err error) error {
	if err == nil && n == 0 {
		return errs.NotFound()
	}
	return err
}

func (s *Service) changeKeywords(ctx context.Context, tx *db.Tx, me accounts.ID, filter int64, list []KeywordChange) error {
	if len(list) > MaxKeywords {
		return errs.Invalid("Validation failed: You have reached the maximum number of keywords")
	}
	for _, c := range list {
		if c.blank() {
			continue
		}
		if err := s.changeKeyword(ctx, tx, me, filter, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) changeKeyword(ctx context.Context, tx *db.Tx, me accounts.ID, filter int64, c KeywordChange) error {
	if c.ID == 0 {
		if c.Destroy {
			return nil
		}
		_, err := s.addKeyword(ctx, tx, me, filter, c)
		return err
	}
	if c.Destroy {
		return found(tx.Exec(ctx, "DELETE FROM custom_filter_keywords WHERE id = $1 AND custom_filter_id = $2", c.ID, filter))
	}
	k, err := scanKeyword(tx.QueryRow(ctx, "SELECT "+keywordColumns+" FROM custom_filter_keywords k WHERE k.id = $1 AND k.custom_filter_id = $2", c.ID, filter))
	if err != nil {
		return err
	}
	return s.saveKeyword(ctx, tx, &k, c)
}

func (s *Service) saveKeyword(ctx context.Context, tx *db.Tx, k *Keyword, c KeywordChange) error {
	if err := k.apply(c); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE custom_filter_keywords SET keyword = $1, whole_word = $2 WHERE id = $3", k.Keyword, k.WholeWord, k.ID)
	return err
}

func (s *Service) addKeyword(ctx context.Context, tx *db.Tx, me accounts.ID, filter int64, c KeywordChange) (Keyword, error) {
	k := Keyword{ID: s.IDs.Next(), FilterID: filter, WholeWord: true}
	if err := k.apply(c); err != nil {
		return k, err
	}
	n, err := tx.Exec(ctx, `INSERT INTO custom_filter_keywords (id, custom_filter_id, keyword, whole_word)
SELECT $1, $2, $3, $4 WHERE (SELECT COUNT(*) FROM custom_filter_keywords k JOIN custom_filters f ON f.id = k.custom_filter_id WHERE f.account_id = $5) < $6`,
		k.ID, filter, k.Keyword, k.WholeWord, me, MaxKeywords)
	if err == nil && n == 0 {
		err = errs.Invalid("Validation failed: You have reached the maximum number of keywords")
	}
	return k, err
}

func (s *Service) own(ctx context.Context, tx *db.Tx, me accounts.ID, filter int64) error {
	_, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM custom_filters f WHERE f.id = $1 AND f.account_id = $2", filter, me))
	return err
}

// AddKeyword adds a keyword to a filter.
func (s *Service) AddKeyword(ctx context.Context, me accounts.ID, filter int64, c KeywordChange) (k Keyword, err error) {
	err = s.write(ctx, me, "adding a keyword", func(tx *db.Tx) error {
		if err := s.own(ctx, tx, me, filter); err != nil {
			return err
		}
		k, err = s.addKeyword(ctx, tx, me, filter, c)
		return err
	})
	return k, err
}

// UpdateKeyword changes a keyword.
func (s *Service) UpdateKeyword(ctx context.Context, me accounts.ID, id int64, c KeywordChange) (k Keyword, err error) {
	err = s.write(ctx, me, "changing a keyword", func(tx *db.Tx) error {
		if k, err = s.KeywordByID(ctx, tx, me, id); err != nil {
			return err
		}
		return s.saveKeyword(ctx, tx, &k, c)
	})
	return k, err
}

// DeleteKeyword removes a keyword.
func (s *Service) DeleteKeyword(ctx context.Context, me accounts.ID, id int64) error {
	return s.write(ctx, me, "removing a keyword", func(tx *db.Tx) error {
		return found(tx.Exec(ctx, "DELETE FROM custom_filter_keywords WHERE id = $1 AND custom_filter_id IN (SELECT f.id FROM custom_filters f WHERE f.account_id = $2)", id, me))
	})
}

// AddStatus adds a post to a filter; it must be one that the person may see.
func (s *Service) AddStatus(ctx context.Context, me accounts.ID, filter int64, id statuses.ID) (x Status, err error) {
	err = s.write(ctx, me, "filtering a post", func(tx *db.Tx) error {
		if err := s.own(ctx, tx, me, filter); err != nil {
			return err
		}
		if _, err := s.Statuses.ByID(ctx, tx, me, id); err != nil {
			return err
		}
		x = Status{ID: s.IDs.Next(), FilterID: filter, StatusID: id}
		have, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM custom_filter_statuses x JOIN custom_filters f ON f.id = x.custom_filter_id WHERE f.account_id = $1", me)
		if err != nil {
			return err
		}
		if have >= MaxStatuses {
			return errs.Invalid("Validation failed: You have reached the maximum number of filtered posts")
		}
		n, err := tx.Exec(ctx, "INSERT INTO custom_filter_statuses (id, custom_filter_id, status_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", x.ID, filter, id)
		if err == nil && n == 0 {
			err = errs.Invalid("Validation failed: Status has already been taken")
		}
		return err
	})
	return x, err
}

// DeleteStatus takes a post out of a filter, and gives what was there.
func (s *Service) DeleteStatus(ctx context.Context, me accounts.ID, id int64) (x Status, err error) {
	err = s.write(ctx, me, "unfiltering a post", func(tx *db.Tx) error {
		if x, err = s.StatusByID(ctx, tx, me, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM custom_filter_statuses WHERE id = $1", id)
		return err
	})
	return x, err
}
