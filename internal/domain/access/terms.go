package access

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// TermsTold asks for one person to be told of a new edition of the terms.
type TermsTold struct {
	UserID  UserID
	TermsID int64
}

// Kind names the event.
func (TermsTold) Kind() string { return "access.terms_told" }

// tellAtOnce bounds how many people one transaction tells.
const tellAtOnce = 500

// TellTerms lets everybody who signed up before a new edition of the terms be told of it, some at a time: those who may sign in, and only them.
func (s *Service) TellTerms(ctx context.Context, e settings.TermsPublished) error {
	list, err := db.Column[UserID](ctx, s.DB, `SELECT u.id FROM users u JOIN accounts a ON a.id = u.account_id JOIN terms_of_services t ON t.id = $1
WHERE u.id > $2 AND u.confirmed_at > 0 AND u.approved AND NOT u.disabled AND a.suspended_at = 0 AND u.created_at <= t.published_at ORDER BY u.id LIMIT $3`, e.TermsID, e.After, tellAtOnce)
	if err != nil {
		return fmt.Errorf("finding whom to tell of the terms: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	events := make([]jobs.Event, 0, len(list)+1)
	for _, id := range list {
		events = append(events, TermsTold{UserID: id, TermsID: e.TermsID})
	}
	if len(list) == tellAtOnce {
		events = append(events, settings.TermsPublished{TermsID: e.TermsID, After: int64(list[len(list)-1])})
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.Jobs.Emit(ctx, tx, events...); err != nil {
			return err
		}
		return jobs.Complete(ctx, tx)
	})
}
