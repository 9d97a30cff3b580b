package activitypub

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

// fingered is what a domain says about a name: its proper form, and the actor behind it.
type fingered struct {
	handle accounts.Handle
	self   string
}

// finger asks a domain by WebFinger who a name is.
func (r *Resolver) finger(ctx context.Context, h accounts.Handle) (fingered, error) {
	scheme := "https"
	if !r.Site.HTTPS {
		scheme = "http"
	}
	return r.fingerAt(ctx, scheme, h)
}

func (r *Resolver) fingerAt(ctx context.Context, scheme string, h accounts.Handle) (fingered, error) {
	uri := scheme + "://" + h.Domain + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+h.Username+"@"+h.Domain)
	res, err := r.getOpen(ctx, uri, "application/jrd+json, application/json")
	if err != nil {
		return fingered{}, err
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if !slices.Contains([]string{"application/jrd+json", "application/json", "application/activity+json"}, kind) {
		return fingered{}, errs.Invalid("The answer is not a WebFinger document")
	}
	told, err := readFinger(res.Body, h)
	if err == nil {
		explain(ctx, "webfinger", Fine, "%s says that @%s@%s is @%s@%s, %s", h.Domain, h.Username, h.Domain, told.handle.Username, told.handle.Domain, told.self)
	}
	return told, err
}

// readFinger reads what a domain says about a name.
func readFinger(body []byte, h accounts.Handle) (out fingered, err error) {
	var doc struct {
		Subject string `json:"subject"`
		Links   []struct {
			Rel  string `json:"rel"`
			Type string `json:"type"`
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return fingered{}, errs.Wrap(errs.MalformedKind, err, "The answer is not a WebFinger document")
	}
	out = fingered{handle: h}
	if doc.Subject != "" {
		if out.handle, err = parseAcct(doc.Subject); err != nil {
			return fingered{}, err
		}
	}
	for _, l := range doc.Links {
		if l.Rel == "self" && ap.IsActivityJSON(l.Type) && weburl.Valid(l.Href) {
			out.self = l.Href
			return out, nil
		}
	}
	return fingered{}, errs.NotFound()
}

// parseAcct reads "acct:bob@good.example", "bob@good.example" or "@bob@good.example"; the domain in its one form.
func parseAcct(s string) (accounts.Handle, error) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "acct:"), "@")
	name, domain, ok := strings.Cut(s, "@")
	if !ok || !text.ValidRemoteUsername(name) || len(name) > maxUsername {
		return accounts.Handle{}, errs.Invalid("The handle is not valid")
	}
	domain, err := text.NormalizeDomain(domain)
	if err != nil {
		return accounts.Handle{}, err
	}
	return accounts.Handle{Username: name, Domain: domain}, nil
}

// handleOf finds the handle of an actor. Its own host says which name it goes by; when that is a name on another domain, that
// domain has to say the same (IDN-01). A host that does not speak WebFinger names its actors itself.
func (r *Resolver) handleOf(ctx context.Context, actor ap.Actor) (accounts.Handle, error) {
	scheme, _, _ := strings.Cut(actor.ID, "://")
	host := ap.HostOf(actor.ID)
	own := accounts.Handle{Username: actor.PreferredUsername, Domain: host}
	told, err := r.fingerAt(ctx, scheme, own)
	if err != nil {
		if errs.IsNotFound(err) {
			return own, nil
		}
		return own, fmt.Errorf("confirming the name of %s: %w", actor.ID, err)
	}
	if told.handle.Domain == host {
		if told.self != actor.ID {
			return own, errs.Invalid("The actor's host names another actor")
		}
		return own, sameName(told.handle, actor)
	}
	if r.Site.IsLocalDomain(told.handle.Domain) {
		return own, errs.Invalid("The actor claims a name of this server")
	}
	confirmed, err := r.fingerAt(ctx, scheme, told.handle)
	if err != nil {
		return own, fmt.Errorf("confirming the name of %s: %w", actor.ID, err)
	}
	if confirmed.self != actor.ID || !strings.EqualFold(confirmed.handle.Username, told.handle.Username) || confirmed.handle.Domain != told.handle.Domain {
		return own, errs.Invalid("The domain of the name does not know the actor")
	}
	return accounts.Handle{Username: actor.PreferredUsername, Domain: told.handle.Domain}, sameName(told.handle, actor)
}

// sameName refuses a name that differs from what the actor calls itself (IDN-03).
func sameName(h accounts.Handle, actor ap.Actor) error {
	if !strings.EqualFold(h.Username, actor.PreferredUsername) {
		return errs.Invalid("The actor's name differs from the one that its host tells")
	}
	return nil
}
