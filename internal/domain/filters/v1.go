package filters

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// V1 is a filter as the first version of the API knew it: one keyword, with the rules of the group that it is in. Its id is
// the keyword's.
type V1 struct {
	ID                      int64
	Phrase                  string
	Context                 []string
	ExpiresAt               time.Time
	Irreversible, WholeWord bool
}

// V1Change is what an old client changes; nil leaves as it is.
type V1Change struct {
	Phrase                  *string
	Context                 []string
	Irreversible, WholeWord *bool
	SetExpiry               bool
	ExpiresIn               *time.Duration
}

func (c V1Change) filter() Change {
	out := Change{Title: c.Phrase, Context: c.Context, SetExpiry: c.SetExpiry, ExpiresIn: c.ExpiresIn}
	if c.Irreversible != nil {
		action := "warn"
		if *c.Irreversible {
			action = "hide"
		}
		out.Action = &action
	}
	return out
}

func (c V1Change) keyword() KeywordChange {
	return KeywordChange{Keyword: c.Phrase, WholeWord: c.WholeWord}
}

func v1(f *Filter, k Keyword) V1 {
	return V1{ID: k.ID, Phrase: k.Keyword, Context: f.Context, ExpiresAt: f.ExpiresAt, Irreversible: f.Action == "hide", WholeWord: k.WholeWord}
}

// ListV1 gives a person's keywords, each as a filter of its own.
func (s *Service) ListV1(ctx context.Context, q db.Q, me accounts.ID) ([]V1, error) {
	list, err := s.List(ctx, q, me)
	if err != nil {
		return nil, err
	}
	out := []V1{}
	for _, f := range list {
		for _, k := range f.Keywords {
			out = append(out, v1(f, k))
		}
	}
	slices.SortFunc(out, func(a, b V1) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	return out, nil
}

// ByIDV1 is one keyword as a filter.
func (s *Service) ByIDV1(ctx context.Context, q db.Q, me accounts.ID, id int64) (V1, error) {
	k, err := s.KeywordByID(ctx, q, me, id)
	if err != nil {
		return V1{}, err
	}
	f, err := s.ByID(ctx, q, me, k.FilterID)
	if err != nil {
		return V1{}, err
	}
	return v1(f, k), nil
}

// CreateV1 makes a filter of one keyword.
func (s *Service) CreateV1(ctx context.Context, me accounts.ID, c V1Change) (V1, error) {
	if c.Phrase == nil || strings.TrimSpace(*c.Phrase) == "" {
		return V1{}, errs.Invalid("Validation failed: Phrase can't be blank")
	}
	change := c.filter()
	change.Keywords = []KeywordChange{c.keyword()}
	f, err := s.Create(ctx, me, change)
	if err != nil {
		return V1{}, err
	}
	return v1(f, f.Keywords[0]), nil
}

// UpdateV1 changes a keyword and the filter that it is in; the latter is refused where the filter has more keywords.
func (s *Service) UpdateV1(ctx context.Context, me accounts.ID, id int64, c V1Change) (V1, error) {
	err := s.write(ctx, me, "changing a filter", func(tx *db.Tx) error {
		k, err := s.KeywordByID(ctx, tx, me, id)
		if err != nil {
			return err
		}
		if err := s.saveKeyword(ctx, tx, &k, c.keyword()); err != nil {
			return err
		}
		f, err := s.ByID(ctx, tx, me, k.FilterID)
		if err != nil {
			return err
		}
		before := *f
		if err := f.apply(c.filter(), s.Clock.Now()); err != nil {
			return err
		}
		same := before.Title == f.Title && slices.Equal(before.Context, f.Context) && before.Action == f.Action && before.ExpiresAt.Equal(f.ExpiresAt)
		if same {
			return nil
		}
		if len(f.Keywords) > 1 {
			return errs.Invalid("These parameters cannot be changed from this application because they apply to more than one filter keyword. Use a more recent application or the web interface.")
		}
		return s.update(ctx, tx, f, c.filter())
	})
	if err != nil {
		return V1{}, fmt.Errorf("filter %d: %w", id, err)
	}
	return s.ByIDV1(ctx, s.DB, me, id)
}

// DeleteV1 removes a keyword, and its filter when nothing else is in it.
func (s *Service) DeleteV1(ctx context.Context, me accounts.ID, id int64) error {
	return s.write(ctx, me, "deleting a filter", func(tx *db.Tx) error {
		k, err := s.KeywordByID(ctx, tx, me, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM custom_filter_keywords WHERE id = $1", id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM custom_filters WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM custom_filter_keywords k WHERE k.custom_filter_id = $1)
AND NOT EXISTS (SELECT 1 FROM custom_filter_statuses x WHERE x.custom_filter_id = $1)`, k.FilterID)
		return err
	})
}
