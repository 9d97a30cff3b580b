package statuses

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/rivo/uniseg"
)

// Limits of a poll, Mastodon's.
const (
	MaxPollOptions = 4
	MaxPollOption  = 50
	MinPollTime    = 5 * time.Minute
	MaxPollTime    = 31 * 24 * time.Hour
)

// PollDraft is a poll as its author wants it.
type PollDraft struct {
	Options    []string
	ExpiresIn  time.Duration
	Multiple   bool
	HideTotals bool
}

func (d *PollDraft) check() error {
	seen := map[string]bool{}
	for i, o := range d.Options {
		d.Options[i] = strings.TrimSpace(o)
		switch {
		case d.Options[i] == "":
			return errs.Invalid("Validation failed: Options can't be blank")
		case seen[d.Options[i]]:
			return errs.Invalid("Validation failed: Options contain duplicate items")
		case uniseg.GraphemeClusterCount(o) > MaxPollOption:
			return errs.Invalid("Validation failed: Options can't be longer than %d characters each", MaxPollOption)
		}
		seen[d.Options[i]] = true
	}
	switch {
	case len(d.Options) < 2:
		return errs.Invalid("Validation failed: Options must have more than one item")
	case len(d.Options) > MaxPollOptions:
		return errs.Invalid("Validation failed: Options can't contain more than %d items", MaxPollOptions)
	case d.ExpiresIn < MinPollTime:
		return errs.Invalid("Validation failed: Expires at is too soon")
	case d.ExpiresIn > MaxPollTime:
		return errs.Invalid("Validation failed: Expires at is too far into the future")
	}
	return nil
}

// Poll is a poll with its results.
type Poll struct {
	ID                      int64
	StatusID                ID
	AccountID               accounts.ID
	Options                 []string
	Tallies                 []int64
	Multiple, HideTotals    bool
	VotesCount, VotersCount int64
	ExpiresAt, UpdatedAt    time.Time
	// Own are the choices of the one who looks; Voted also holds for the author.
	Own   []int
	Voted bool
}

// Expired reports whether the poll takes no more votes at a time.
func (p *Poll) Expired(now time.Time) bool { return !p.ExpiresAt.IsZero() && !now.Before(p.ExpiresAt) }

const pollColumns = "p.id, p.status_id, p.account_id, p.options, p.tallies, p.multiple, p.hide_totals, p.votes_count, p.voters_count, p.expires_at, p.updated_at"

func scanPoll(r db.Row) (*Poll, error) {
	var p Poll
	var options, tallies string
	var expires, updated int64
	if err := r.Scan(&p.ID, &p.StatusID, &p.AccountID, &options, &tallies, &p.Multiple, &p.HideTotals, &p.VotesCount, &p.VotersCount, &expires, &updated); err != nil {
		return nil, err
	}
	p.ExpiresAt, p.UpdatedAt = db.At(expires), db.At(updated)
	if err := json.Unmarshal([]byte(options), &p.Options); err != nil {
		return nil, err
	}
	return &p, json.Unmarshal([]byte(tallies), &p.Tallies)
}

// Polls loads polls with the viewer's own votes; one statement.
func (s *Service) Polls(ctx context.Context, q db.Q, viewer accounts.ID, list []int64) (map[int64]*Poll, error) {
	out := map[int64]*Poll{}
	if len(list) == 0 {
		return out, nil
	}
	rows, err := q.Query(ctx, "SELECT "+pollColumns+", COALESCE(v.choice, -1) FROM polls p LEFT JOIN poll_votes v ON v.poll_id = p.id AND v.account_id = $1 WHERE p.id = ANY($2) ORDER BY p.id, v.choice",
		viewer, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading polls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var choice int
		p, err := scanPoll(alsoScan{rows, &choice})
		if err != nil {
			return nil, err
		}
		if had := out[p.ID]; had != nil {
			p = had
		}
		out[p.ID] = p
		p.Voted = p.Voted || viewer != 0 && (choice >= 0 || p.AccountID == viewer)
		if choice >= 0 {
			p.Own = append(p.Own, choice)
		}
	}
	return out, rows.Err()
}

// alsoScan scans a last column beside those that a scanner knows.
type alsoScan struct {
	db.Row
	last any
}

func (a alsoScan) Scan(dest ...any) error { return a.Row.Scan(append(dest, a.last)...) }

// PollByID is a poll of a post that viewer may see.
func (s *Service) PollByID(ctx context.Context, q db.Q, viewer accounts.ID, id int64) (*Poll, *Status, error) {
	polls, err := s.Polls(ctx, q, viewer, []int64{id})
	if err != nil {
		return nil, nil, err
	}
	p := polls[id]
	if p == nil {
		return nil, nil, errs.NotFound()
	}
	st, err := s.ByID(ctx, q, viewer, p.StatusID)
	return p, st, err
}

func (s *Service) insertPoll(ctx context.Context, tx *db.Tx, st *Status, d *PollDraft) error {
	now := s.Clock.Now()
	_, err := tx.Exec(ctx, `INSERT INTO polls (id, status_id, account_id, options, tallies, multiple, hide_totals, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		st.PollID, st.ID, st.AccountID, encode(d.Options), encode(make([]int64, len(d.Options))), d.Multiple, d.HideTotals, db.Ms(now.Add(d.ExpiresIn)), db.Ms(now))
	if err != nil {
		return fmt.Errorf("writing a poll: %w", err)
	}
	return s.Jobs.EmitAt(ctx, tx, now.Add(d.ExpiresIn), PollEnded{PollID: st.PollID, StatusID: st.ID})
}

func (s *Service) insertRemotePoll(ctx context.Context, tx *db.Tx, st *Status, p *Poll) error {
	now := s.Clock.Now()
	_, err := tx.Exec(ctx, `INSERT INTO polls (id, status_id, account_id, options, tallies, multiple, votes_count, voters_count, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
		st.PollID, st.ID, st.AccountID, encode(p.Options), encode(p.Tallies), p.Multiple, sum(p.Tallies), p.VotersCount, db.Ms(p.ExpiresAt), db.Ms(now))
	if err != nil {
		return fmt.Errorf("writing a poll: %w", err)
	}
	if p.ExpiresAt.After(now) {
		return s.Jobs.EmitAt(ctx, tx, p.ExpiresAt.Add(5*time.Minute), PollEnded{PollID: st.PollID, StatusID: st.ID})
	}
	return nil
}

func sum(list []int64) int64 {
	var n int64
	for _, v := range list {
		n += v
	}
	return n
}

// updateTallies brings a remote poll's results up to date. Votes are not taken back, so that results with fewer of them are older
// ones that were overtaken. A poll of other options is another poll and left alone.
func (s *Service) updateTallies(ctx context.Context, tx *db.Tx, st *Status, p *Poll) error {
	_, err := tx.Exec(ctx, "UPDATE polls SET tallies = $1, votes_count = $2, voters_count = $3, expires_at = $4, updated_at = $5 WHERE id = $6 AND options = $7 AND (votes_count < $2 OR votes_count = $2 AND voters_count <= $3)",
		encode(p.Tallies), sum(p.Tallies), p.VotersCount, db.Ms(p.ExpiresAt), db.Ms(s.Clock.Now()), st.PollID, encode(p.Options))
	return err
}

// otherPoll reports whether an edit of another server's post brings other choices.
func (s *Service) otherPoll(ctx context.Context, q db.Q, st *Status, p *Poll) (bool, error) {
	if st.PollID == 0 || p == nil {
		return (st.PollID != 0) != (p != nil), nil
	}
	polls, err := s.Polls(ctx, q, 0, []int64{st.PollID})
	if err != nil || polls[st.PollID] == nil {
		return true, err
	}
	return !slices.Equal(polls[st.PollID].Options, p.Options) || polls[st.PollID].Multiple != p.Multiple, nil
}

func (s *Service) replaceRemotePoll(ctx context.Context, tx *db.Tx, st *Status, p *Poll) error {
	if _, err := tx.Exec(ctx, "DELETE FROM polls WHERE status_id = $1", st.ID); err != nil {
		return err
	}
	st.PollID = 0
	if p == nil {
		return nil
	}
	st.PollID = s.IDs.Next()
	return s.insertRemotePoll(ctx, tx, st, p)
}

func (s *Service) pollChanges(ctx context.Context, q db.Q, st *Status, d *PollDraft) (bool, error) {
	if st.PollID == 0 || d == nil {
		return (st.PollID != 0) != (d != nil), nil
	}
	polls, err := s.Polls(ctx, q, 0, []int64{st.PollID})
	if err != nil || polls[st.PollID] == nil {
		return true, err
	}
	p := polls[st.PollID]
	return !slices.Equal(p.Options, d.Options) || p.Multiple != d.Multiple || p.HideTotals != d.HideTotals, nil
}

// replacePoll gives a post another poll, or none: votes for other options count no more.
func (s *Service) replacePoll(ctx context.Context, tx *db.Tx, st *Status, d *PollDraft) error {
	if _, err := tx.Exec(ctx, "DELETE FROM polls WHERE status_id = $1", st.ID); err != nil {
		return err
	}
	st.PollID = 0
	if d == nil {
		return nil
	}
	st.PollID = s.IDs.Next()
	return s.insertPoll(ctx, tx, st, d)
}

// Vote votes in a poll. Every rule is checked again inside the transaction, so that no race adds votes (AUZ-11). uri is the
// id of a remote vote.
func (s *Service) Vote(ctx context.Context, by *accounts.Account, pollID int64, choices []int, uri string) (*Poll, error) {
	_, st, err := s.PollByID(ctx, s.DB, by.ID, pollID)
	if err != nil {
		return nil, err
	}
	local, err := s.authorLocal(ctx, s.DB, st.AccountID)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		p, err := scanPoll(tx.QueryRow(ctx, "SELECT "+pollColumns+" FROM polls p WHERE p.id = $1"+tx.ForUpdate(), pollID))
		if err != nil {
			return err
		}
		before, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM poll_votes WHERE poll_id = $1 AND account_id = $2", pollID, by.ID)
		if err != nil {
			return err
		}
		if err := mayVote(p, by, choices, before, s.Clock.Now()); err != nil {
			return err
		}
		return s.vote(ctx, tx, p, by, choices, before, uri, local)
	})
	if err != nil {
		return nil, fmt.Errorf("voting: %w", err)
	}
	p, _, err := s.PollByID(ctx, s.DB, by.ID, pollID)
	return p, err
}

// mayVote decides. Another server sends the choices of a vote one by one, so that a remote voter may come back in a poll
// with several choices.
func mayVote(p *Poll, by *accounts.Account, choices []int, before int64, now time.Time) error {
	switch {
	case p.Expired(now):
		return errs.Invalid("Validation failed: The poll has already ended")
	case p.AccountID == by.ID:
		return errs.Invalid("Validation failed: You cannot vote in your own polls")
	case len(choices) == 0, !p.Multiple && len(choices) > 1:
		return errs.Invalid("Validation failed: The chosen vote option does not exist")
	case before > 0 && (by.Local() || !p.Multiple):
		return errs.Invalid("Validation failed: You have already voted on this poll")
	}
	for _, c := range choices {
		if c < 0 || c >= len(p.Options) {
			return errs.Invalid("Validation failed: The chosen vote option does not exist")
		}
	}
	return nil
}

func (s *Service) vote(ctx context.Context, tx *db.Tx, p *Poll, by *accounts.Account, choices []int, before int64, uri string, authorLocal bool) error {
	now := db.Ms(s.Clock.Now())
	var voteIDs []int64
	for _, c := range choices {
		id := s.IDs.Next()
		n, err := tx.Exec(ctx, "INSERT INTO poll_votes (id, poll_id, account_id, choice, uri, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING", id, p.ID, by.ID, c, uri, now)
		if err != nil {
			return err
		}
		if n == 1 {
			p.Tallies[c]++
			voteIDs = append(voteIDs, id)
		}
	}
	if len(voteIDs) == 0 {
		return nil
	}
	voters := p.VotersCount
	if before == 0 {
		voters++
	}
	if _, err := tx.Exec(ctx, "UPDATE polls SET tallies = $1, votes_count = $2, voters_count = $3, updated_at = $4 WHERE id = $5", encode(p.Tallies), sum(p.Tallies), voters, now, p.ID); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Voted{PollID: p.ID, StatusID: p.StatusID, AccountID: by.ID, VoteIDs: voteIDs, ByLocal: by.Local(), AuthorLocal: authorLocal})
}

// Voters lists the accounts that voted in a poll: those of this server, or those of others.
func (s *Service) Voters(ctx context.Context, q db.Q, pollID int64, local bool) ([]accounts.ID, error) {
	return db.Column[accounts.ID](ctx, q, "SELECT DISTINCT v.account_id FROM poll_votes v JOIN accounts a ON a.id = v.account_id WHERE v.poll_id = $1 AND (a.domain = '') = $2", pollID, local)
}
