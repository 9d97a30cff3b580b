package settings

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/kit/text"
)

// Site is where this server is found: its names, and the addresses that follow from them. Their shapes are Mastodon's, so
// that a server can move here without a changed id.
type Site struct {
	// LocalDomain is the domain in handles; WebDomain is the host that serves.
	LocalDomain, WebDomain string
	HTTPS                  bool
	// StreamingURL is the base of the streaming API; '' for the web's own.
	StreamingURL string
}

// Base is the beginning of every address, without a slash at the end.
func (s Site) Base() string {
	if s.HTTPS {
		return "https://" + s.WebDomain
	}
	return "http://" + s.WebDomain
}

// URL is the address of a path on this server.
func (s Site) URL(path string) string { return s.Base() + path }

// ActorURI is the id of a local account.
func (s Site) ActorURI(username string) string { return s.Base() + "/users/" + username }

// ProfileURL is the page of a local account.
func (s Site) ProfileURL(username string) string { return s.Base() + "/@" + username }

// StatusURI is the id of a local post.
func (s Site) StatusURI(username string, id int64) string {
	return s.ActorURI(username) + "/statuses/" + strconv.FormatInt(id, 10)
}

// StatusURL is the page of a local post.
func (s Site) StatusURL(username string, id int64) string {
	return s.ProfileURL(username) + "/" + strconv.FormatInt(id, 10)
}

// CollectionURI is the id of a collection of a local account, CollectionURL its page.
func (s Site) CollectionURI(username string, id int64) string {
	return s.ActorURI(username) + "/collections/" + strconv.FormatInt(id, 10)
}

// CollectionURL is the page of a collection.
func (s Site) CollectionURL(id int64) string {
	return s.Base() + "/collections/" + strconv.FormatInt(id, 10)
}

// CollectionID is the id of a local collection by its page; 0 for any other address.
func (s Site) CollectionID(address string) int64 {
	rest, ok := strings.CutPrefix(address, s.Base()+"/collections/")
	id, err := strconv.ParseInt(rest, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0
	}
	return id
}

// TagURL is the page of a hashtag, whose name may be as typed.
func (s Site) TagURL(name string) string { return s.Base() + text.TagPath(name) }

// TaggedURL is the page of a profile, by its handle without the first @, for one hashtag by its normalized name.
func (s Site) TaggedURL(acct, name string) string {
	return s.ProfileURL(acct) + "/tagged/" + url.PathEscape(name)
}

// InboxURL is the shared inbox.
func (s Site) InboxURL() string { return s.Base() + "/inbox" }

// Streaming is the base of the streaming API: ws on a server of plain http.
func (s Site) Streaming() string {
	if s.StreamingURL != "" {
		return s.StreamingURL
	}
	return "ws" + strings.TrimPrefix(s.Base(), "http")
}

// IsLocalURI reports whether an id or address is one of this server.
func (s Site) IsLocalURI(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Host != "" && s.IsLocalDomain(strings.ToLower(u.Host))
}

// IsLocalDomain reports whether a domain, in lower case, means this server.
func (s Site) IsLocalDomain(domain string) bool {
	return domain == "" || domain == s.LocalDomain || domain == s.WebDomain
}
