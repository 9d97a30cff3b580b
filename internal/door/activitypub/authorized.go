package activitypub

import (
	"context"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// viewerKey is under what a request carries who asks, once that was found out.
type viewerKey struct{}

// signedOnly lets a document be read by those alone who sign that they ask, where the operator wants that (AUTHORIZED_FETCH). The
// instance actor is not behind it: whoever is to verify our signature needs its key first, and cannot sign before.
func (s *Server) signedOnly(h httpio.Handler) httpio.Handler {
	return func(w http.ResponseWriter, req *http.Request) error {
		if !s.SignedFetch {
			return h(w, req)
		}
		w.Header().Set("Vary", "Accept, Signature, Signature-Input")
		w.Header().Set("Cache-Control", "private, no-store")
		id := s.viewer(req)
		if id == 0 {
			return errs.New(errs.UnauthorizedKind, "Request not signed")
		}
		return h(w, req.WithContext(context.WithValue(req.Context(), viewerKey{}, id)))
	}
}

// hides reports whether an account has blocked who asks, or all of its server. It is known only where everybody must sign.
func (s *Server) hides(req *http.Request, a *accounts.Account) (bool, error) {
	if !s.SignedFetch {
		return false, nil
	}
	ctx := req.Context()
	viewer, err := s.Accounts.ByID(ctx, s.DB, s.viewer(req))
	if err != nil {
		return false, err
	}
	return s.Relations.BlocksOrDomain(ctx, s.DB, a.ID, viewer)
}

// minimalActor is what even those may know whom an account has blocked: enough to verify what it signs, and to tell it something.
func minimalActor(a *accounts.Account) *ap.ActorDoc {
	return &ap.ActorDoc{
		ID: a.URI, Type: a.ActorType, Inbox: a.InboxURL, Outbox: a.OutboxURL, PreferredUsername: a.Username, URL: a.URL,
		PublicKey: ap.PublicKeyDoc{ID: a.PublicKeyID, Owner: a.URI, PublicKeyPEM: a.PublicKey}, Endpoints: ap.EndpointsDoc{SharedInbox: a.SharedInboxURL},
		Tag: []ap.TagDoc{}, Attachment: []ap.FieldDoc{},
	}
}
