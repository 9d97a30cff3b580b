package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performQuoteRequest answers who asks to quote a post of ours (FEP-044f): no, as the API says of every post (quote_approval), so
// that nobody waits for an answer. Of a post that the sender may not see nothing is said, as of one that does not exist (AUZ-12).
func (s *Server) performQuoteRequest(ctx context.Context, a activity) error {
	st, err := s.localStatus(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	if st, err = s.Statuses.ByID(ctx, s.DB, a.by.ID, st.ID); err != nil {
		return err
	}
	quoting := a.IDOf("instrument")
	if a.ID == "" || !ap.SameHost(a.ID, a.by.URI) || !ap.SameHost(quoting, a.by.URI) {
		return errs.Forbidden()
	}
	author, err := s.Accounts.ByID(ctx, s.DB, st.AccountID)
	if err != nil {
		return err
	}
	no := ap.Reject(author.URI+"#rejects/quote_requests/"+ids.Format(s.IDs.Next()), author.URI, ap.QuoteRequest(a.ID, a.by.URI, st.URI, quoting))
	return s.fanOut(ctx, author, no, []string{a.by.BestInbox()})
}
