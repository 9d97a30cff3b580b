package activitypub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Received is a verified activity that waits to be performed. Key is what it is known by while it waits.
type Received struct {
	ActorID accounts.ID
	Body    string
	Key     string
	Host    string
	// Via is who delivered what somebody else signed.
	Via accounts.ID `json:",omitzero"`
}

// Kind names the command.
func (Received) Kind() string { return "activitypub.received" }

// inbox takes an activity: it verifies and queues, and does nothing else for strangers.
func (s *Server) inbox(w http.ResponseWriter, req *http.Request) error {
	kind := ""
	err := s.take(w, req, &kind)
	outcome := "accepted"
	switch {
	case errs.KindOf(err) == errs.UnavailableKind:
		outcome = "shed"
	case err != nil:
		outcome = "refused"
	}
	s.received.Inc(typeOf(kind), outcome, reasonOf(err))
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// take verifies and queues an activity; kind becomes its type as soon as that is known.
func (s *Server) take(w http.ResponseWriter, req *http.Request, kind *string) error {
	ctx := req.Context()
	sig, err := httpsig.Parse(req)
	if err != nil {
		return err
	}
	if err := s.checkHost(req); err != nil {
		return err
	}
	body, err := readBody(w, req)
	if err != nil {
		return err
	}
	o, err := ap.Parse(body)
	if err != nil {
		return err
	}
	*kind = o.Kind(s.kinds...)
	actor := o.IDOf("actor")
	if err := checkIDs(o, actor); err != nil {
		return err
	}
	if !ap.SameHost(sig.KeyID, actor) && !carriesSignature(o) {
		return errs.New(errs.UnauthorizedKind, "The key is not the actor's")
	}
	// A signature that was taken before is a captured request sent again (SIG-10). The mark lives as long as the signature.
	seen := req.Header.Get("Signature")
	if s.marked(ctx, "signature", seen) {
		return nil
	}
	for i, who := range []string{actor, sig.KeyID} {
		if i == 1 && ap.SameHost(actor, who) {
			break
		}
		if err := s.mayAsk(ctx, who); errs.KindOf(err) == errs.Internal && err != nil {
			return err
		} else if err != nil {
			return errs.Wrap(errs.ForbiddenKind, err, "Activities of this actor are not taken")
		}
	}
	if unknown, err := s.goneBeforeKnown(ctx, o, actor, sig.KeyID); err != nil || unknown {
		return err
	}
	by, err := s.sender(req, sig, body)
	if err != nil {
		return err
	}
	signer := by
	if by.uri != actor {
		if by, body, err = s.forwarded(ctx, o, body); err != nil {
			return err
		}
	}
	if chi.URLParam(req, "name") != "" { // an inbox of one person, who may be unknown or gone
		if _, err := s.named(req); err != nil {
			return err
		}
	}
	if err := s.shed(ctx, w, by.id); err != nil {
		return err
	}
	in := Received{ActorID: by.id, Body: string(body), Key: activityKey(o, actor, body), Host: ap.HostOf(actor)}
	// What a profile shows first changes to and fro, and nothing in it says when: whoever kept such a document, and brings it again after
	// what followed it, is not listened to (LDS-04).
	pins := carriesSignature(o) && o.Is("Add", "Remove")
	if signer != by {
		in.Via = signer.id
		if pins && s.marked(ctx, "pinning", in.Key) {
			return nil
		}
	}
	todo := append(s.followersToCompare(ctx, req.Header, signer), in)
	err = s.DB.Write(ctx, func(tx *db.Tx) error { return s.Jobs.Emit(ctx, tx, todo...) })
	if err != nil {
		return fmt.Errorf("queueing an activity: %w", err)
	}
	s.mark(ctx, "signature", seen, httpsig.Window+httpsig.Skew)
	if pins {
		s.mark(ctx, "pinning", in.Key, forwardAge+forwardSkew)
	}
	return nil
}

// Retry-After of an activity that is refused under pressure, in seconds, spread so that not all come again at once.
const minShed, maxShed = 300, 900

// shed refuses, while far more comes in than can be performed, what is sent by those whom nobody here follows. It comes again: nothing is
// refused that was accepted (requirement A3).
func (s *Server) shed(ctx context.Context, w http.ResponseWriter, by accounts.ID) error {
	if s.Jobs.Pressure() < jobs.Flooded {
		return nil
	}
	followed, err := s.Relations.HasLocalFollower(ctx, s.DB, by)
	if err != nil || followed {
		return err
	}
	w.Header().Set("Retry-After", strconv.Itoa(minShed+rand.IntN(maxShed-minShed))) //nolint:gosec // jitter, no secret
	return errs.New(errs.UnavailableKind, "This server has more to do than it can, try again later")
}

// readBody reads at most what a document may be, and only of the media types that documents have.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || !slices.Contains([]string{"application/activity+json", "application/ld+json", "application/json"}, kind) {
		return nil, errs.New(errs.MalformedKind, "The Content-Type is not that of an activity")
	}
	if req.ContentLength > ap.MaxDocument {
		return nil, errs.New(errs.TooLargeKind, "The activity is too large")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, ap.MaxDocument))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errs.New(errs.TooLargeKind, "The activity is too large")
	}
	if err != nil {
		return nil, errs.Wrap(errs.MalformedKind, err, "The activity cannot be read")
	}
	return body, nil
}

// checkIDs refuses an activity whose id is not of the actor's own host (ORG-12), before anything is asked or written.
func checkIDs(o *ap.Object, actor string) error {
	switch {
	case actor == "":
		return errs.New(errs.MalformedKind, "The activity has no actor")
	case o.ID != "" && (!ap.SameHost(o.ID, actor) || o.ID == actor):
		return errs.New(errs.ForbiddenKind, "The activity's id is not the actor's to give")
	}
	return nil
}

// goneBeforeKnown reports whether an activity only says that somebody is gone of whom nothing is known here: there is nothing to
// do, and asking for the key of a deleted account would be in vain (SIG-20).
func (s *Server) goneBeforeKnown(ctx context.Context, o *ap.Object, actor, keyID string) (bool, error) {
	if !o.Is("Delete") || o.IDOf("object") != actor {
		return false, nil
	}
	for _, find := range []func() (*accounts.Account, error){
		func() (*accounts.Account, error) { return s.Accounts.ByURI(ctx, s.DB, actor) },
		func() (*accounts.Account, error) { return s.Accounts.ByKeyID(ctx, s.DB, keyID) },
	} {
		if _, err := find(); !errs.IsNotFound(err) {
			return false, err
		}
	}
	return true, nil
}

// activityKey is what an activity is known by while it waits, so that one delivered twice at once is performed once. Without an
// id it is its text (AUZ-17).
func activityKey(o *ap.Object, actor string, body []byte) string {
	sum := sha256.Sum256(body)
	if o.ID != "" {
		sum = sha256.Sum256([]byte(actor + "\n" + o.Type() + "\n" + o.ID))
	}
	return hex.EncodeToString(sum[:])
}
