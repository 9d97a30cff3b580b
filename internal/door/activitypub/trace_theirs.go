package activitypub

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// traceActor explains the actor of another server, and how deliveries to it are. told is a handle under which it was just found.
func (s *Server) traceActor(ctx context.Context, o *ap.Object, told *accounts.Handle) error {
	a, err := s.readTraced(ctx, o, told)
	if err != nil {
		return err
	}
	known, err := s.Accounts.ByURI(ctx, s.DB, a.URI)
	if errs.IsNotFound(err) {
		explain(ctx, "known", Noted, "it is not known here; looking it up would enter it")
		return s.traceOut(ctx, a)
	}
	if err != nil {
		return err
	}
	explain(ctx, "known", Fine, "it is known here as %d, fetched last at %s", known.ID, known.FetchedAt.UTC().Format("2006-01-02 15:04:05"))
	if known.Suspended() {
		explain(ctx, "known", Refused, "it is suspended here: nothing of it is taken or shown")
	}
	if strings.TrimSpace(known.PublicKey) != strings.TrimSpace(a.PublicKey) {
		explain(ctx, "keys", Noted, "its key is another than the one kept here: the next signature that does not fit makes us fetch it")
	}
	followed, err := s.Relations.HasLocalFollower(ctx, s.DB, known.ID)
	if err != nil {
		return err
	}
	if followed {
		explain(ctx, "followers", Fine, "somebody here follows it: what it posts is taken")
	} else {
		explain(ctx, "followers", Noted, "nobody here follows it: of what it posts that is taken which names or answers somebody here, is boosted by somebody who is followed here, or is looked up")
	}
	return s.traceOut(ctx, known)
}

// readTraced reads an actor as entering it would, and enters nothing.
func (s *Server) readTraced(ctx context.Context, o *ap.Object, told *accounts.Handle) (*accounts.Account, error) {
	actor, err := ap.ReadActor(o)
	if err != nil {
		return nil, err
	}
	explain(ctx, "actor", Fine, "%s, a %s that calls itself %s", actor.ID, actor.Type, actor.PreferredUsername)
	if !text.ValidRemoteUsername(actor.PreferredUsername) || len(actor.PreferredUsername) > maxUsername {
		return nil, errs.Invalid("The actor's name is not valid")
	}
	handle, err := s.nameOf(ctx, actor, nil, told)
	if err != nil {
		return nil, err
	}
	explain(ctx, "handle", Fine, "@%s@%s, which those domains say that have to", handle.Username, handle.Domain)
	remote := remoteActor(actor, handle)
	remote.PublicKey, remote.PublicKeyID = usableKey(actor)
	if remote.PublicKey == "" {
		explain(ctx, "keys", Refused, "it has no RSA key that can be used: requests signed by it are refused unless it has another key")
	} else {
		explain(ctx, "keys", Fine, "RSA key %s", remote.PublicKeyID)
	}
	for _, k := range furtherKeys(actor) {
		explain(ctx, "keys", Fine, "Ed25519 key %s", k.ID)
	}
	if remote.MovedToURI != "" {
		explain(ctx, "moved", Noted, "it goes on as %s", remote.MovedToURI)
	}
	return &remote.Account, nil
}

// tracePost explains a post of another server.
func (s *Server) tracePost(ctx context.Context, o *ap.Object) error {
	n, err := ap.ReadNote(o)
	if err != nil {
		return err
	}
	explain(ctx, "post", Fine, "%s, a %s by %s", n.ID, n.Type, n.AttributedTo)
	if !ap.SameHost(n.ID, n.AttributedTo) {
		return errs.Invalid("The post is attributed to another host")
	}
	by, err := s.Accounts.ByURI(ctx, s.DB, n.AttributedTo)
	if errs.IsNotFound(err) {
		var actor *ap.Object
		if actor, err = s.trusted(ctx, n.AttributedTo); err == nil {
			by, err = s.readTraced(ctx, actor, nil)
		}
	}
	if err != nil {
		return err
	}
	if by.Suspended() {
		explain(ctx, "author", Refused, "%s is suspended here", by.Acct())
		return errs.Forbidden()
	}
	v := visibilityOf(n, by)
	explain(ctx, "audience", Fine, "%s", v)
	if err := s.traceParent(ctx, n); err != nil {
		return err
	}
	return s.traceKept(ctx, n, by, v)
}

func (s *Server) traceParent(ctx context.Context, n ap.Note) error {
	if n.InReplyTo == "" {
		return nil
	}
	_, err := s.Statuses.ByURI(ctx, s.DB, n.InReplyTo)
	if errs.IsNotFound(err) {
		explain(ctx, "thread", Noted, "it answers %s, which is not here; it would be fetched, as up to %d levels are", n.InReplyTo, maxParents)
		return nil
	}
	if err == nil {
		explain(ctx, "thread", Fine, "it answers %s, which is here", n.InReplyTo)
	}
	return err
}

// traceKept says whether a post is here, or would be if it came.
func (s *Server) traceKept(ctx context.Context, n ap.Note, by *accounts.Account, v statuses.Visibility) error {
	st, err := s.Statuses.ByURI(ctx, s.DB, n.ID)
	if err == nil {
		explain(ctx, "known", Fine, "it is here as %d", st.ID)
		if n.Updated.After(st.EditedAt) && !n.Updated.IsZero() {
			explain(ctx, "known", Noted, "it was edited at %s, which did not come here", n.Updated.UTC().Format("2006-01-02 15:04:05"))
		}
		return nil
	}
	if !errs.IsNotFound(err) {
		return err
	}
	gone, err := s.Statuses.Tombstoned(ctx, s.DB, n.ID, 0)
	if err != nil {
		return err
	}
	if gone {
		explain(ctx, "known", Refused, "it was deleted: a Delete of it came here, and it is not taken any more")
		return errs.NotFound()
	}
	who, err := s.tracedAudience(ctx, n, by, v)
	if err != nil {
		return err
	}
	followed := false
	if by.ID != 0 {
		if followed, err = s.Relations.HasLocalFollower(ctx, s.DB, by.ID); err != nil {
			return err
		}
	}
	parent, err := s.Statuses.ByURI(ctx, s.DB, n.InReplyTo)
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	sent, err := s.concerns(ctx, arrival{Note: n, by: by}, who, parent, followed)
	if err != nil {
		return err
	}
	switch {
	case sent:
		explain(ctx, "known", Noted, "it is not here; if it were sent to us it would be taken, for it concerns somebody here")
	case v == statuses.Direct:
		explain(ctx, "known", Refused, "it is not here, and would not be taken: it is for nobody here")
	default:
		explain(ctx, "known", Noted, "it is not here; if it were sent to us it would be dropped, for it concerns nobody here; looked up it would be taken")
	}
	return nil
}

// tracedAudience is audienceOf of those who are known.
func (s *Server) tracedAudience(ctx context.Context, n ap.Note, by *accounts.Account, v statuses.Visibility) (audience, error) {
	who := audience{visibility: v}
	var named []string
	for _, t := range n.Tags {
		if t.Type == "Mention" && len(named) < maxMentions {
			named = append(named, t.Href)
		}
	}
	known, err := s.Accounts.ByURIs(ctx, s.DB, append(append(named, n.To...), n.Cc...))
	for _, a := range known {
		who.local = who.local || a.Local() && a.ID != by.ID && !a.Suspended()
	}
	return who, err
}
