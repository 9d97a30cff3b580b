package activitypub

import (
	"context"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// forwardedAge is how long it is remembered that something was forwarded: an activity that comes again by then goes nowhere.
const forwardedAge = 24 * time.Hour

// signedText is an activity of somebody else, word for word: the signature in it, which its receivers verify, covers every word.
type signedText string

// bodyOf is a document as it is sent.
func bodyOf(doc any) ([]byte, error) {
	if text, ok := doc.(signedText); ok {
		return []byte(text), nil
	}
	return ap.Document(doc)
}

// mayPassOn is the author of the post of ours that a post answers, if what its author signed may be passed on to those who
// follow the conversation: both are for all to see. Otherwise it is nil.
func (s *Server) mayPassOn(ctx context.Context, a activity, st *statuses.Status) (*accounts.Account, error) {
	if !carriesSignature(a.Object) || st == nil || !st.Distributable() || st.InReplyToID == 0 || a.ID == "" {
		return nil, nil
	}
	parent, err := s.Statuses.Any(ctx, s.DB, st.InReplyToID)
	if errs.IsNotFound(err) || err == nil && (!parent.Local || !parent.Distributable() || !parent.DeletedAt.IsZero()) {
		return nil, nil
	}
	if err != nil || s.marked(ctx, "forwarded", a.ID) {
		return nil, err
	}
	return s.Accounts.ByID(ctx, s.DB, parent.AccountID)
}

// passOn passes an activity on, unchanged, to the followers of the one whose post it answers (Mastodon: "inbox forwarding"). Its
// sender's server has it.
func (s *Server) passOn(ctx context.Context, a activity, to *accounts.Account) error {
	if to == nil {
		return nil
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, to.ID)
	if err != nil {
		return err
	}
	inboxes = slices.DeleteFunc(inboxes, func(inbox string) bool { return ap.SameHost(inbox, a.by.URI) })
	if err := s.fanOut(ctx, to, signedText(a.text), inboxes); err != nil {
		return err
	}
	s.mark(ctx, "forwarded", a.ID, forwardedAge)
	return nil
}
