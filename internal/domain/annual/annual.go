// Package annual owns reports of what people did in a year: asked for in December, put together once, and read.
package annual

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// schemaVersion is the shape of Data (Mastodon 4.6).
	schemaVersion = 2
	// firstDay is the day of December from which on reports may be asked for, until the month ends (Mastodon).
	firstDay = 10
	// usualPosts is how many posts an active person makes in a year; who makes fewer is a lurker (Mastodon's figure of 2023).
	usualPosts = 113
)

// What somebody is by their posts, as the API names it.
const (
	Lurker   = "lurker"
	Booster  = "booster"
	Pollster = "pollster"
	Replier  = "replier"
	Oracle   = "oracle"
)

// States of a report, as the API names them.
const (
	Available  = "available"
	Generating = "generating"
	Eligible   = "eligible"
	Ineligible = "ineligible"
)

// Report is what somebody did in a year.
type Report struct {
	AccountID accounts.ID
	Year      int
	Version   int
	// ShareKey is known to those whom somebody showed the report; empty for one that cannot be shown.
	ShareKey string
	Data     Data
}

// Data is what a report says, as it is kept.
type Data struct {
	Archetype string
	// MostReblogged is the post that was boosted most, 0 for none.
	MostReblogged statuses.ID
	// Statuses and Followers are how many came in the year.
	Statuses, Followers int64
	// Hashtag is the one that was used most, more than once, and HashtagUses how often.
	Hashtag     string
	HashtagUses int64
}

// Wanted asks for a report to be put together.
type Wanted struct {
	AccountID accounts.ID
	Year      int
}

// Kind names the event.
func (Wanted) Kind() string { return "annual.wanted" }

// Key keeps one report from being put together twice at once.
func (e Wanted) Key() string { return fmt.Sprintf("%d:%d", e.AccountID, e.Year) }

// Generated says that a report is there.
type Generated struct {
	AccountID accounts.ID
	Year      int
}

// Kind names the event.
func (Generated) Kind() string { return "annual.generated" }

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	Jobs     *jobs.Jobs
	IDs      *ids.Source
	Clock    clock.Clock
	Settings *settings.Service
}

// Service makes and reads reports.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Campaign is the year of which reports may be asked for now, 0 for none.
func (s *Service) Campaign(ctx context.Context, q db.Q) (int, error) {
	i, err := s.Settings.Get(ctx, q)
	if now := s.Clock.Now().UTC(); err == nil && i.AnnualReports && now.Month() == time.December && now.Day() >= firstDay {
		return now.Year(), nil
	}
	return 0, err
}

// span is the first id of a year, and of the next one.
func span(year int) (from, to int64) {
	at := func(y int) int64 { return ids.First(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)) }
	return at(year), at(year + 1)
}

// State tells what there is of a report.
func (s *Service) State(ctx context.Context, me accounts.ID, year int) (string, error) {
	ready, err := db.Value[bool](ctx, s.DB, "SELECT data <> '' FROM generated_annual_reports WHERE account_id = $1 AND year = $2", me, year)
	switch {
	case err == nil && ready:
		return Available, nil
	case err == nil:
		return Generating, nil
	case !errs.IsNotFound(err):
		return "", fmt.Errorf("looking for a report: %w", err)
	}
	now, err := s.Campaign(ctx, s.DB)
	if err != nil || now != year {
		return Ineligible, err
	}
	from, to := span(year)
	// There must be something to tell: a post that others may see, and one with a hashtag.
	enough, err := db.Value[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM statuses s WHERE s.account_id = $1 AND s.id >= $2 AND s.id < $3 AND s.deleted_at = 0 AND s.visibility <= 1)
AND EXISTS (SELECT 1 FROM statuses s JOIN statuses_tags st ON st.status_id = s.id WHERE s.account_id = $1 AND s.id >= $2 AND s.id < $3 AND s.deleted_at = 0)`, me, from, to)
	if err != nil || !enough {
		return Ineligible, err
	}
	return Eligible, nil
}

// Ask has a report put together, in its time and if there is something to tell. It reports whether one is being put together now.
func (s *Service) Ask(ctx context.Context, me accounts.ID, year int) (bool, error) {
	state, err := s.State(ctx, me, year)
	if err != nil || state != Eligible {
		return state == Generating, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO generated_annual_reports (id, account_id, year, schema_version, created_at, share_key) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			s.IDs.Next(), me, year, schemaVersion, db.Ms(s.Clock.Now()), rand.Text())
		if err != nil || n == 0 {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Wanted{AccountID: me, Year: year})
	})
	if err != nil {
		return false, fmt.Errorf("asking for a report: %w", err)
	}
	return true, nil
}

// Generate puts a report together. It is safe to repeat.
func (s *Service) Generate(ctx context.Context, e Wanted) error {
	d, err := s.gather(ctx, e.AccountID, e.Year)
	if err != nil {
		return fmt.Errorf("putting a report together: %w", err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE generated_annual_reports SET data = $1 WHERE account_id = $2 AND year = $3 AND data = ''", string(text), e.AccountID, e.Year)
		if err != nil || n == 0 {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Generated(e))
	})
}

func (s *Service) gather(ctx context.Context, me accounts.ID, year int) (d Data, err error) {
	from, to := span(year)
	var all, boosts, polls, replies, alone int64
	// An answer to oneself is a thread, and no reply.
	if err := s.DB.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN reblog_of_id <> 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN poll_id <> 0 THEN 1 ELSE 0 END), 0),
  COALESCE(SUM(CASE WHEN in_reply_to_id <> 0 AND in_reply_to_account_id <> $1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN in_reply_to_id = 0 AND reblog_of_id = 0 THEN 1 ELSE 0 END), 0)
FROM statuses WHERE account_id = $1 AND id >= $2 AND id < $3 AND deleted_at = 0`, me, from, to).Scan(&all, &boosts, &polls, &replies, &alone); err != nil {
		return d, err
	}
	d.Archetype = archetype(boosts, polls, replies, alone)
	d.Statuses = all
	if d.MostReblogged, err = db.Value[statuses.ID](ctx, s.DB, `SELECT id FROM statuses WHERE account_id = $1 AND id >= $2 AND id < $3 AND deleted_at = 0 AND visibility <= 1 AND reblog_of_id = 0
ORDER BY reblogs_count DESC, id DESC LIMIT 1`, me, from, to); err != nil && !errs.IsNotFound(err) {
		return d, err
	}
	begins, ends := db.Ms(ids.Time(from)), db.Ms(ids.Time(to))
	if d.Followers, err = db.Value[int64](ctx, s.DB, "SELECT COUNT(*) FROM follows WHERE target_account_id = $1 AND created_at >= $2 AND created_at < $3", me, begins, ends); err != nil {
		return d, err
	}
	err = s.DB.QueryRow(ctx, `SELECT CASE WHEN t.display_name <> '' THEN t.display_name ELSE t.name END, COUNT(*) FROM statuses s JOIN statuses_tags st ON st.status_id = s.id JOIN tags t ON t.id = st.tag_id
WHERE s.account_id = $1 AND s.id >= $2 AND s.id < $3 AND s.deleted_at = 0 GROUP BY t.id, t.name, t.display_name HAVING COUNT(*) > 1 ORDER BY COUNT(*) DESC, t.id LIMIT 1`, me, from, to).Scan(&d.Hashtag, &d.HashtagUses)
	if errs.IsNotFound(err) {
		err = nil
	}
	return d, err
}

// archetype is what somebody is by what they mostly do (Mastodon's rules).
func archetype(boosts, polls, replies, alone int64) string {
	switch {
	case alone+replies+boosts < usualPosts:
		return Lurker
	case boosts > 2*alone:
		return Booster
	case 10*polls > alone:
		return Pollster
	case replies > 2*alone:
		return Replier
	}
	return Oracle
}

func scan(r db.Row) (*Report, error) {
	var v Report
	var data string
	if err := r.Scan(&v.AccountID, &v.Year, &v.Version, &v.ShareKey, &data); err != nil {
		return nil, err
	}
	return &v, json.Unmarshal([]byte(data), &v.Data)
}

// Of finds somebody's report of a year.
func (s *Service) Of(ctx context.Context, q db.Q, me accounts.ID, year int) (*Report, error) {
	return scan(q.QueryRow(ctx, "SELECT account_id, year, schema_version, share_key, data FROM generated_annual_reports WHERE account_id = $1 AND year = $2 AND data <> ''", me, year))
}

// Unread lists somebody's reports that they did not look at yet.
func (s *Service) Unread(ctx context.Context, q db.Q, me accounts.ID) ([]*Report, error) {
	return db.All(ctx, q, scan, "SELECT account_id, year, schema_version, share_key, data FROM generated_annual_reports WHERE account_id = $1 AND data <> '' AND viewed_at = 0 ORDER BY year DESC", me)
}

// Read notes that somebody looked at a report.
func (s *Service) Read(ctx context.Context, me accounts.ID, year int) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE generated_annual_reports SET viewed_at = $1 WHERE account_id = $2 AND year = $3 AND data <> ''", db.Ms(s.Clock.Now()), me, year)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		return err
	})
}
