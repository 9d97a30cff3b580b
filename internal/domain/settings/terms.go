package settings

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Terms is an edition of the terms of service.
type Terms struct {
	ID int64
	// Text is HTML or plain text; Changelog says what is new in it.
	Text, Changelog string
	// EffectiveOn is the day from which it holds; zero in a draft that has none yet.
	EffectiveOn time.Time
	// PublishedAt is zero for the draft.
	PublishedAt time.Time
	// SucceededOn is the day from which the next edition holds, zero while there is none.
	SucceededOn time.Time
}

// TermsPublished says that there is a new edition, of which people are to be told: those whose login's id lies above After.
type TermsPublished struct{ TermsID, After int64 }

// Kind names the event.
func (TermsPublished) Kind() string { return "settings.terms_published" }

// day is the midnight before a moment, UTC.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

const termsColumns = `t.id, t.text, t.changelog, t.effective_on, t.published_at,
  COALESCE((SELECT MIN(n.effective_on) FROM terms_of_services n WHERE n.published_at <> 0 AND n.effective_on > t.effective_on), 0)`

func scanTerms(r db.Row) (t Terms, err error) {
	var effective, published, next int64
	err = r.Scan(&t.ID, &t.Text, &t.Changelog, &effective, &published, &next)
	t.EffectiveOn, t.PublishedAt, t.SucceededOn = db.At(effective), db.At(published), db.At(next)
	return t, err
}

// Effective reports whether an edition holds, at a moment.
func (t Terms) Effective(at time.Time) bool {
	return !t.PublishedAt.IsZero() && !t.EffectiveOn.After(at)
}

// CurrentTerms is the edition that holds, or the first that will when none does yet. A server without editions may have terms in its setting site_terms,
// which hold since that was changed. No terms at all are errs.NotFound.
func (s *Service) CurrentTerms(ctx context.Context, q db.Q) (Terms, error) {
	now := db.Ms(s.Clock.Now())
	t, err := scanTerms(q.QueryRow(ctx, "SELECT "+termsColumns+` FROM terms_of_services t WHERE t.published_at <> 0
ORDER BY t.effective_on <= $1 DESC, CASE WHEN t.effective_on <= $1 THEN -t.effective_on ELSE t.effective_on END LIMIT 1`, now))
	if !errs.IsNotFound(err) {
		return t, err
	}
	i, err := s.Get(ctx, q)
	if err != nil {
		return t, err
	}
	if i.Terms == "" {
		return t, errs.NotFound()
	}
	return Terms{Text: i.Terms, EffectiveOn: day(i.UpdatedAt), PublishedAt: i.UpdatedAt}, nil
}

// TermsOn is the edition that holds, or held, from a day on.
func (s *Service) TermsOn(ctx context.Context, q db.Q, from time.Time) (Terms, error) {
	return scanTerms(q.QueryRow(ctx, "SELECT "+termsColumns+" FROM terms_of_services t WHERE t.published_at <> 0 AND t.effective_on = $1", db.Ms(day(from))))
}

// TermsByID finds an edition.
func (s *Service) TermsByID(ctx context.Context, q db.Q, id int64) (Terms, error) {
	return scanTerms(q.QueryRow(ctx, "SELECT "+termsColumns+" FROM terms_of_services t WHERE t.id = $1", id))
}

// AllTerms lists the editions, the draft first, then the latest.
func (s *Service) AllTerms(ctx context.Context, q db.Q) ([]Terms, error) {
	return db.All(ctx, q, scanTerms, "SELECT "+termsColumns+" FROM terms_of_services t ORDER BY t.published_at = 0 DESC, t.effective_on DESC")
}

// DraftTerms writes the draft of the next edition; there is one at a time.
func (s *Service) DraftTerms(ctx context.Context, t Terms) error {
	if t.Text = strings.TrimSpace(t.Text); t.Text == "" {
		return errs.Invalid("Validation failed: Text can't be blank")
	}
	for _, v := range []string{t.Text, t.Changelog} {
		if err := within(maxText)(v); err != nil {
			return errs.Wrap(errs.InvalidKind, err, "Validation failed: The text %s", err.Error())
		}
	}
	now := db.Ms(s.Clock.Now())
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM terms_of_services WHERE published_at = 0"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO terms_of_services (id, text, changelog, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)", s.IDs.Next(), t.Text, strings.TrimSpace(t.Changelog), now)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the draft of the terms: %w", err)
	}
	return nil
}

// PublishTerms makes the draft an edition that holds from a day on, today at the earliest, and lets people be told of it.
func (s *Service) PublishTerms(ctx context.Context, from time.Time) (Terms, error) {
	now, from := s.Clock.Now(), day(from)
	if from.Before(day(now)) {
		return Terms{}, errs.Invalid("Validation failed: Effective date is too soon, must be today or later")
	}
	var t Terms
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		taken, err := db.Exists(ctx, tx, "SELECT 1 FROM terms_of_services WHERE published_at <> 0 AND effective_on = $1", db.Ms(from))
		if err != nil {
			return err
		}
		if taken {
			return errs.Invalid("Validation failed: Effective date has already been taken")
		}
		id, err := db.Value[int64](ctx, tx, "UPDATE terms_of_services SET published_at = $1, effective_on = $2, updated_at = $1 WHERE published_at = 0 RETURNING id", db.Ms(now), db.Ms(from))
		if errs.IsNotFound(err) {
			return errs.Invalid("There is no draft to publish")
		}
		if err != nil {
			return err
		}
		if t, err = s.TermsByID(ctx, tx, id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, TermsPublished{TermsID: id})
	})
	return t, err
}

// DropDraft forgets the draft.
func (s *Service) DropDraft(ctx context.Context) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return one(tx.Exec(ctx, "DELETE FROM terms_of_services WHERE published_at = 0"))
	})
}
