package statuses

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// IncomingQuote is what a post of another server quotes, as it says.
type IncomingQuote struct {
	// URI names the quoted post, ApprovalURI the stamp of its author, empty for none.
	URI, ApprovalURI string
	// Legacy says that it was told in a way that knows no approval.
	Legacy bool
}

// becomes moves a quote into another state, and lets follow what follows: counts, notices, what is shown. It reports false when
// the quote is not in the state any more in which it was read.
func (s *Service) becomes(ctx context.Context, tx *db.Tx, u *Quote, to QuoteState, approval string) (bool, error) {
	now := db.Ms(s.Clock.Now())
	n, err := tx.Exec(ctx, "UPDATE quotes SET state = $1, approval_uri = $2, updated_at = $3 WHERE id = $4 AND state = $5", int64(to), approval, now, u.ID, int64(u.State))
	if err != nil {
		return false, fmt.Errorf("changing a quote: %w", err)
	}
	if n == 0 || to == u.State {
		return n == 1, nil
	}
	st, err := s.Any(ctx, tx, u.StatusID)
	if err != nil || !st.DeletedAt.IsZero() {
		return false, err
	}
	from := u.State
	u.State, u.ApprovalURI = to, approval
	switch {
	case to == QuoteAccepted:
		err = s.accepted(ctx, tx, st, u)
	case from == QuoteAccepted:
		err = s.countQuote(ctx, tx, st, u, -1)
	}
	if err != nil {
		return false, err
	}
	return true, s.refreshed(ctx, tx, st)
}

func (s *Service) refreshed(ctx context.Context, tx *db.Tx, st *Status) error {
	return s.Jobs.Emit(ctx, tx, Refreshed{StatusID: st.ID, AccountID: st.AccountID, Local: st.Local, At: db.Ms(s.Clock.Now())})
}

// changeQuote reads the quote of a post in a transaction and does something with it. It is safe to repeat.
func (s *Service) changeQuote(ctx context.Context, what string, id ID, do func(*db.Tx, *Quote) error) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		u, err := s.QuoteOf(ctx, tx, id)
		if err != nil {
			return err
		}
		return do(tx, u)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// QuoteFound connects a quote with the post that it names. Quoting oneself asks for nobody's leave.
func (s *Service) QuoteFound(ctx context.Context, id ID, quoted *Status) error {
	return s.changeQuote(ctx, "connecting a quote", id, func(tx *db.Tx, u *Quote) error {
		if u.QuotedStatusID == 0 && !quoted.Reblog() {
			if err := s.connect(ctx, tx, u, quoted); err != nil {
				return err
			}
		}
		return s.ownQuote(ctx, tx, u)
	})
}

func (s *Service) connect(ctx context.Context, tx *db.Tx, u *Quote, quoted *Status) error {
	u.QuotedStatusID, u.QuotedAccountID = quoted.ID, quoted.AccountID
	return tx.Do(ctx, "connecting a quote", "UPDATE quotes SET quoted_status_id = $1, quoted_account_id = $2 WHERE id = $3", quoted.ID, quoted.AccountID, u.ID)
}

func (s *Service) ownQuote(ctx context.Context, tx *db.Tx, u *Quote) error {
	if u.State != QuotePending || u.QuotedStatusID == 0 || u.AccountID != u.QuotedAccountID {
		return nil
	}
	_, err := s.becomes(ctx, tx, u, QuoteAccepted, u.ApprovalURI)
	return err
}

// AcceptQuote enters that the author of a quoted post agreed by a stamp, which the caller found to be true. A stamp that its author
// took back meanwhile, or a quote that has another by now, changes nothing.
func (s *Service) AcceptQuote(ctx context.Context, id ID, approval string) error {
	return s.changeQuote(ctx, "accepting a quote", id, func(tx *db.Tx, u *Quote) error {
		if u.State != QuotePending || u.QuotedStatusID == 0 || u.ApprovalURI != "" && u.ApprovalURI != approval {
			return nil
		}
		gone, err := s.Tombstoned(ctx, tx, approval, u.QuotedAccountID)
		if err != nil {
			return err
		}
		to := QuoteAccepted
		if gone {
			to = QuoteRevoked
		}
		_, err = s.becomes(ctx, tx, u, to, approval)
		return err
	})
}

// stampAge is how long a stamp is believed before it is looked at again (Mastodon: a week).
const stampAge = 7 * 24 * time.Hour

// RecheckQuote has the stamp of an author elsewhere looked at again if that was long ago: who took it back may not have told us.
func (s *Service) RecheckQuote(ctx context.Context, id ID) error {
	now := s.Clock.Now()
	u, err := s.QuoteOf(ctx, s.DB, id)
	if errs.IsNotFound(err) || err == nil && !u.stale(now) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.changeQuote(ctx, "having a stamp looked at", id, func(tx *db.Tx, u *Quote) error {
		if !u.stale(now) {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE quotes SET updated_at = $1 WHERE id = $2", db.Ms(now), u.ID); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, QuoteReceived{StatusID: u.StatusID, URI: u.QuotedURI})
	})
}

func (u *Quote) stale(now time.Time) bool {
	return u.State == QuoteAccepted && u.ApprovalURI != "" && now.Sub(u.lookedAt) >= stampAge
}

// RejectQuote enters that the author of a quoted post does not agree, or not any more.
func (s *Service) RejectQuote(ctx context.Context, id ID) error {
	return s.changeQuote(ctx, "rejecting a quote", id, func(tx *db.Tx, u *Quote) error { return s.reject(ctx, tx, u) })
}

func (s *Service) reject(ctx context.Context, tx *db.Tx, u *Quote) (err error) {
	switch u.State {
	case QuoteAccepted:
		_, err = s.becomes(ctx, tx, u, QuoteRevoked, u.ApprovalURI)
	case QuotePending:
		_, err = s.becomes(ctx, tx, u, QuoteRejected, u.ApprovalURI)
	}
	return err
}

// ApproveQuote enters that one of ours agrees to be quoted by a post of another server, as was asked for by a request. It gives the
// quote, whose id names the stamp.
func (s *Service) ApproveQuote(ctx context.Context, id ID, quoted *Status, request string) (*Quote, error) {
	var out *Quote
	err := s.changeQuote(ctx, "approving a quote", id, func(tx *db.Tx, u *Quote) error {
		out = u
		if u.QuotedStatusID == 0 && u.QuotedURI == quoted.URI {
			if err := s.connect(ctx, tx, u, quoted); err != nil {
				return err
			}
		}
		if u.QuotedStatusID != quoted.ID || u.State == QuoteRevoked {
			return errs.Forbidden()
		}
		if err := tx.Do(ctx, "keeping a request", "UPDATE quotes SET activity_uri = $1 WHERE id = $2", request, u.ID); err != nil {
			return err
		}
		if u.AccountID != u.QuotedAccountID {
			if err := s.letSee(ctx, tx, u); err != nil {
				return err
			}
		}
		if u.State == QuoteAccepted {
			return nil
		}
		_, err := s.becomes(ctx, tx, u, QuoteAccepted, "")
		return err
	})
	return out, err
}

// letSee lets the quoted author see what quotes, whoever else may (Mastodon).
func (s *Service) letSee(ctx context.Context, tx *db.Tx, u *Quote) error {
	if err := s.insertMentions(ctx, tx, u.StatusID, []Mention{{AccountID: u.QuotedAccountID, Silent: true}}); err != nil {
		return err
	}
	return tx.Do(ctx, "marking that a post mentions", "UPDATE statuses SET parts = parts | $1 WHERE id = $2", int64(hasMentions), u.StatusID)
}

// RevokeQuote takes the approval back that one's post may be quoted, and gives the post that quoted it.
func (s *Service) RevokeQuote(ctx context.Context, by accounts.ID, quoted *Status, quoting ID) error {
	return s.changeQuote(ctx, "revoking a quote", quoting, func(tx *db.Tx, u *Quote) error {
		if u.QuotedStatusID != quoted.ID {
			return errs.NotFound()
		}
		if u.QuotedAccountID != by {
			return errs.Forbidden()
		}
		accepted := u.State == QuoteAccepted
		if err := s.reject(ctx, tx, u); err != nil || !accepted {
			return err
		}
		return s.Jobs.Emit(ctx, tx, ApprovalRevoked{QuoteID: u.ID, StatusID: u.StatusID, QuotedStatusID: u.QuotedStatusID})
	})
}

// unstamp ends the quotes that an author of another server approved by a stamp which is no more.
func (s *Service) unstamp(ctx context.Context, tx *db.Tx, author accounts.ID, stamp string) error {
	list, err := db.All(ctx, tx, scanQuote, "SELECT "+quoteColumns+" FROM quotes u WHERE u.approval_uri = $1 AND u.approval_uri <> '' AND u.quoted_account_id = $2 AND u.state IN (0, 1) ORDER BY u.id", stamp, author)
	if err != nil {
		return err
	}
	for _, u := range list {
		if _, err := s.becomes(ctx, tx, u, QuoteRevoked, stamp); err != nil {
			return err
		}
	}
	return nil
}

// SetQuotePolicy says who may quote one of the author's posts from now on. What not everybody may see is quoted by its author alone.
func (s *Service) SetQuotePolicy(ctx context.Context, by *accounts.Account, id ID, p QuotePolicy) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		st, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.id = $1 AND s.account_id = $2 AND s.deleted_at = 0 AND s.reblog_of_id = 0", id, by.ID))
		if err != nil {
			return err
		}
		policy := p
		if !st.Distributable() {
			policy = QuotableByNobody
		}
		if policy == st.QuotePolicy {
			return nil
		}
		if err := tx.Do(ctx, "changing who may quote a post", "UPDATE statuses SET quote_approval_policy = $1 WHERE id = $2", int64(policy), st.ID); err != nil {
			return err
		}
		return s.refreshed(ctx, tx, st)
	})
	if err != nil {
		return fmt.Errorf("changing who may quote a post: %w", err)
	}
	return nil
}

// arrived is the quote of a post of another server, whatever of it is known here.
func (s *Service) arrived(ctx context.Context, tx *db.Tx, st *Status, in *IncomingQuote) (*Quote, error) {
	u := &Quote{ID: s.IDs.Next(), StatusID: st.ID, AccountID: st.AccountID, QuotedURI: in.URI, ApprovalURI: in.ApprovalURI, Legacy: in.Legacy}
	err := tx.QueryRow(ctx, "SELECT s.id, s.account_id FROM statuses s WHERE s.uri = $1 AND s.deleted_at = 0 AND s.reblog_of_id = 0", in.URI).Scan(&u.QuotedStatusID, &u.QuotedAccountID)
	if err != nil && !errs.IsNotFound(err) {
		return nil, fmt.Errorf("looking for a quoted post: %w", err)
	}
	if u.QuotedAccountID == st.AccountID {
		u.State = QuoteAccepted
	}
	return u, nil
}

// takeQuote brings what a post of another server quotes up to date by another version of the post. A newer version replaces what an
// older one said; a stamp may come with any version, and goes only when its author takes it back. It reports whether anything changed.
func (s *Service) takeQuote(ctx context.Context, tx *db.Tx, st *Status, in Incoming) (bool, error) {
	newer := in.EditedAt.After(st.EditedAt)
	var had *Quote
	if st.Quotes() {
		var err error
		if had, err = s.QuoteOf(ctx, tx, st.ID); err != nil && !errs.IsNotFound(err) {
			return false, err
		}
	}
	switch {
	case had == nil && (in.Quote == nil || in.EditedAt.Before(st.EditedAt)):
		return false, nil
	case had == nil:
		return true, s.addQuote(ctx, tx, st, in.Quote)
	case in.Quote == nil && newer:
		return true, s.dropQuote(ctx, tx, st, had)
	case in.Quote == nil:
		return false, nil
	case in.Quote.URI == had.QuotedURI:
		return false, s.takeStamp(ctx, tx, st, had, in.Quote)
	case newer:
		if err := s.dropQuote(ctx, tx, st, had); err != nil {
			return false, err
		}
		return true, s.addQuote(ctx, tx, st, in.Quote)
	}
	return false, nil
}

// takeStamp enters a stamp that a quote did not have.
func (s *Service) takeStamp(ctx context.Context, tx *db.Tx, st *Status, u *Quote, in *IncomingQuote) error {
	if in.ApprovalURI == "" || in.ApprovalURI == u.ApprovalURI || u.State == QuoteAccepted {
		return nil
	}
	if err := tx.Do(ctx, "keeping a stamp", "UPDATE quotes SET approval_uri = $1, state = 0, updated_at = $2 WHERE id = $3", in.ApprovalURI, db.Ms(s.Clock.Now()), u.ID); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, QuoteReceived{StatusID: st.ID, URI: u.QuotedURI})
}

func (s *Service) addQuote(ctx context.Context, tx *db.Tx, st *Status, in *IncomingQuote) error {
	u, err := s.arrived(ctx, tx, st, in)
	if err != nil {
		return err
	}
	st.parts |= hasQuote
	if err := tx.Do(ctx, "marking that a post quotes", "UPDATE statuses SET parts = parts | $1 WHERE id = $2", int64(hasQuote), st.ID); err != nil {
		return err
	}
	return s.insertQuote(ctx, tx, st, u)
}

// dropQuote forgets what a post quotes.
func (s *Service) dropQuote(ctx context.Context, tx *db.Tx, st *Status, u *Quote) error {
	if u.State == QuoteAccepted {
		if err := s.countQuote(ctx, tx, st, u, -1); err != nil {
			return err
		}
	}
	st.parts &^= hasQuote
	if err := tx.Do(ctx, "marking that a post does not quote", "UPDATE statuses SET parts = parts & $1 WHERE id = $2", ^int64(hasQuote), st.ID); err != nil {
		return err
	}
	return tx.Do(ctx, "forgetting a quote", "DELETE FROM quotes WHERE id = $1", u.ID)
}

// adoptQuotes connects quotes that came before the post that they quote, and lets the approvals that they name be looked at.
func (s *Service) adoptQuotes(ctx context.Context, tx *db.Tx, st *Status) error {
	list, err := db.Column[ID](ctx, tx, "SELECT status_id FROM quotes WHERE quoted_uri = $1 AND quoted_status_id = 0 AND (approval_uri <> '' OR account_id = $2) ORDER BY id LIMIT $3", st.URI, st.AccountID, maxAdopted)
	if err != nil {
		return fmt.Errorf("looking for quotes: %w", err)
	}
	if err := tx.Do(ctx, "connecting quotes", "UPDATE quotes SET quoted_status_id = $1, quoted_account_id = $2 WHERE quoted_uri = $3 AND quoted_status_id = 0", st.ID, st.AccountID, st.URI); err != nil {
		return err
	}
	for _, id := range list {
		if err := s.Jobs.Emit(ctx, tx, QuoteReceived{StatusID: id, URI: st.URI}); err != nil {
			return err
		}
	}
	return nil
}

// maxAdopted bounds how many approvals are looked at when a quoted post comes late: each quote asked for it when it came, so there are few.
const maxAdopted = 10
