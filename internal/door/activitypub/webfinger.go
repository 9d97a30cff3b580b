package activitypub

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxResource is the longest name that is looked up.
const maxResource = 2048

// jrd is what WebFinger answers (RFC 7033).
type jrd struct {
	Subject string    `json:"subject,omitempty"`
	Aliases []string  `json:"aliases,omitempty"`
	Links   []jrdLink `json:"links"`
}

type jrdLink struct {
	Rel      string `json:"rel" xml:"rel,attr"`
	Type     string `json:"type,omitempty" xml:"type,attr,omitempty"`
	Href     string `json:"href,omitempty" xml:"href,attr,omitempty"`
	Template string `json:"template,omitempty" xml:"template,attr,omitempty"`
}

// getWebfinger says who a name of this server is: "acct:bob@here", "bob@here", or an address of the account.
func (s *Server) getWebfinger(w http.ResponseWriter, req *http.Request) error {
	resource := req.URL.Query().Get("resource")
	if resource == "" || len(resource) > maxResource {
		return errs.New(errs.MalformedKind, "The resource is missing")
	}
	a, err := s.fingered(req, resource)
	if err != nil {
		return err
	}
	if a.Suspended() {
		return errGone()
	}
	return s.answerFinger(w, a, req.URL.Query()["rel"])
}

func (s *Server) fingered(req *http.Request, resource string) (*accounts.Account, error) {
	ctx := req.Context()
	if strings.HasPrefix(resource, "https://") || strings.HasPrefix(resource, "http://") {
		if withoutFragment(resource) == s.Site.URL("/actor") {
			return s.EnsureInstanceActor(ctx)
		}
		if !s.isOurs(resource) {
			return nil, errs.NotFound()
		}
		found, err := s.ours(ctx, resource)
		if err == nil && found.Account == nil {
			err = errs.NotFound()
		}
		return found.Account, err
	}
	name, domain, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(resource, "acct:"), "@"), "@")
	if ok {
		normal, err := text.NormalizeDomain(domain)
		if err != nil || !s.Site.IsLocalDomain(normal) {
			return nil, errs.NotFound()
		}
	}
	if name != "" && (s.Site.IsLocalDomain(name) || strings.EqualFold(name, s.serverName())) {
		return s.EnsureInstanceActor(ctx)
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, name, "")
	if err == nil && a.Username == accounts.InstanceActor {
		return nil, errs.NotFound()
	}
	return a, err
}

// answerFinger describes an account; with rels only the links of these kinds, as RFC 7033 has it.
func (s *Server) answerFinger(w http.ResponseWriter, a *accounts.Account, rels []string) error {
	doc := jrd{Subject: "acct:" + a.Username + "@" + s.Site.LocalDomain}
	self := jrdLink{Rel: "self", Type: "application/activity+json", Href: a.URI}
	page := jrdLink{Rel: "http://webfinger.net/rel/profile-page", Type: "text/html", Href: a.URL}
	if a.Username == accounts.InstanceActor {
		doc.Subject = "acct:" + s.serverName() + "@" + s.Site.LocalDomain
		doc.Aliases, doc.Links = []string{a.URI}, []jrdLink{page, self}
	} else {
		doc.Aliases = []string{a.URL, a.URI}
		doc.Links = []jrdLink{page, self, {Rel: "http://ostatus.org/schema/1.0/subscribe", Template: s.Site.URL("/authorize_interaction?uri={uri}")}}
		if url := s.fileURL(a.Avatar); url != "" {
			doc.Links = append(doc.Links, jrdLink{Rel: "http://webfinger.net/rel/avatar", Type: mediaTypeOf(url), Href: url})
		}
	}
	if len(rels) > 0 {
		doc.Links = slices.DeleteFunc(doc.Links, func(l jrdLink) bool { return !slices.Contains(rels, l.Rel) })
	}
	return wellKnown(w, "application/jrd+json; charset=utf-8", doc)
}

// wellKnown answers what hardly ever changes and every page may read (Mastodon: three days).
func wellKnown(w http.ResponseWriter, kind string, doc any) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=259200")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	return httpio.JSON(w, http.StatusOK, doc)
}

func (s *Server) lrdd() jrdLink {
	return jrdLink{Rel: "lrdd", Template: s.Site.URL("/.well-known/webfinger?resource={uri}")}
}

// getHostMeta says where WebFinger is, in XML as the specification has it.
func (s *Server) getHostMeta(w http.ResponseWriter, req *http.Request) error {
	if accept := req.Header.Get("Accept"); strings.Contains(accept, "application/jrd+json") || strings.Contains(accept, "application/json") {
		return s.getHostMetaJSON(w, req)
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		Link    jrdLink
	}{Link: s.lrdd()})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/xrd+xml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=259200")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(append([]byte(xml.Header), body...)) // a reader who went away is no failure
	return nil
}

func (s *Server) getHostMetaJSON(w http.ResponseWriter, _ *http.Request) error {
	return wellKnown(w, "application/jrd+json; charset=utf-8", jrd{Links: []jrdLink{s.lrdd()}})
}

// getInstanceOutbox serves the instance actor's posts: it has none.
func (s *Server) getInstanceOutbox(w http.ResponseWriter, _ *http.Request) error {
	return write(w, ap.OrderedItems(s.Site.URL("/actor/outbox"), nil))
}
