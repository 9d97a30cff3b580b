package media

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Kinds of files of other servers. They are parts of addresses, and stored.
const (
	Attachments = "attachments"
	Avatars     = "avatars"
	Headers     = "headers"
	Emojis      = "emojis"
	Cards       = "cards"
)

// Sites are pictures that stand for this server; they are stored, and never another's.
const Sites = "sites"

// Renditions, by the names that addresses have.
const (
	Original = "original"
	Small    = "small"
	Static   = "static"
)

// ProxyPath is where files of other servers are served.
const ProxyPath = "/media_proxy/"

// CacheFolder is where files of other servers are kept.
const CacheFolder = "cache/"

// keyBytes is how long the proof is that an address was made here: what nobody can guess.
const keyBytes = 16

// Addresses makes the addresses under which people see files: stored ones, and those of other servers, which are shown through this one. Both
// stay what they are wherever files are stored.
type Addresses struct {
	said  AddressOptions
	site  settings.Site
	proxy string // of files of other servers
	now   atomic.Pointer[found]
	hashs sync.Pool
}

// AddressOptions are what a process's settings say of addresses.
type AddressOptions struct {
	// Root is how addresses of stored files begin, when that is not /system on the web's own host.
	Root string
	// Proxy is the origin under which files of other servers are shown when that is not the web's own; this server answers there.
	Proxy string
	// Shown are further origins from where pages show files.
	Shown []string
	// Alone is a host, with its port if it has one, that leads to this server for files and nothing else.
	Alone string
}

// found is where files are found at the moment.
type found struct {
	root         string // with a slash at its end
	shown, alone []string
}

// NewAddresses makes them. The secret proves which addresses were made here.
func NewAddresses(site settings.Site, secret []byte, o AddressOptions) *Addresses {
	o.Root = strings.TrimSuffix(cmp.Or(o.Root, site.Base()+"/system"), "/")
	a := &Addresses{said: o, site: site, proxy: cmp.Or(o.Proxy, site.Base()) + ProxyPath}
	key := sha256.Sum256(append([]byte("gomph media addresses\x00"), secret...))
	a.hashs.New = func() any { return hmac.New(sha256.New, key[:]) }
	a.follow(Hosts{}, time.Time{})
	return a
}

// follow heeds what all processes know of hosts.
func (a *Addresses) follow(h Hosts, now time.Time) {
	root := h.Root(a.said.Root)
	n := &found{root: root + "/"}
	for _, origin := range slices.Concat([]string{OriginOf(root), OriginOf(a.proxy)}, a.said.Shown, h.Shown(now)) {
		if origin != a.site.Base() && !slices.Contains(n.shown, origin) {
			n.shown = append(n.shown, origin)
		}
	}
	hosts := []string{a.said.Alone}
	for _, o := range h.Origins {
		if !o.UsedAt.IsZero() || !o.AnnouncedAt.IsZero() {
			_, host, _ := strings.Cut(o.Origin, "://")
			hosts = append(hosts, host)
		}
	}
	n.alone = slices.DeleteFunc(hosts, func(host string) bool {
		return host == "" || strings.EqualFold(host, a.site.WebDomain) || strings.EqualFold(host, a.site.LocalDomain)
	})
	a.now.Store(n)
}

// Configured is the root that the settings name, without a slash at its end.
func (a *Addresses) Configured() string { return a.said.Root }

// Root is how addresses of stored files begin, with a slash at its end.
func (a *Addresses) Root() string { return a.now.Load().root }

// Origins are those beside the web's own from where pages show files.
func (a *Addresses) Origins() []string { return a.now.Load().shown }

// Alone reports whether a host that a request names has files and nothing else. One that ever had files goes on having them.
func (a *Addresses) Alone(host string) bool {
	return slices.ContainsFunc(a.now.Load().alone, func(h string) bool { return strings.EqualFold(h, host) })
}

// File is the address of a stored file.
func (a *Addresses) File(name string) string {
	if name == "" {
		return ""
	}
	return a.Root() + name
}

// isRemote reports whether what is kept of a picture is where another server has it, instead of a stored file's name.
func isRemote(value string) bool {
	return strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://")
}

// Of is the address of a picture that is kept as a stored file's name, or as where another server has it; still wants one that does not move.
func (a *Addresses) Of(kind, value string, still bool) string {
	switch {
	case value == "":
		return ""
	case !isRemote(value) && still:
		return a.File(StillOf(value))
	case !isRemote(value):
		return a.File(value)
	case still:
		return a.remote(kind, value, Static)
	}
	return a.remote(kind, value, Original)
}

// StillOf is the name of the still rendition of a stored avatar, header or emoji. Those that do not move are their own.
func StillOf(name string) string {
	if strings.HasSuffix(name, ".gif") && strings.Contains(name, "/original/") {
		return strings.TrimSuffix(strings.Replace(name, "/original/", "/static/", 1), ".gif") + ".png"
	}
	return name
}

func (a *Addresses) remote(kind, url, rendition string) string {
	return a.proxy + kind + "/" + rendition + "/" + a.key(kind, 0, url) + "/" + base64.RawURLEncoding.EncodeToString([]byte(url))
}

// Attachment is the address of an attachment of another server. It has the attachment's id, so that it ends when that does.
func (a *Addresses) Attachment(id int64, url, rendition string) string {
	return a.proxy + strconv.FormatInt(id, 10) + "/" + rendition + "/" + a.key(Attachments, id, url)
}

// Shown are the addresses of an attachment and of its smaller rendition; empty for what is not there (yet). What is of no known kind is linked
// where it is, for whoever wants to follow that.
func (a *Addresses) Shown(m Attachment) (url, preview string) {
	switch {
	case m.File != "":
		url, preview = a.File(m.File), a.File(m.Thumbnail)
		if preview == "" && m.Kind == Image {
			preview = url
		}
	case m.RemoteURL == "":
		preview = a.File(m.Thumbnail)
	case m.Kind == Unknown || m.Kind == "":
		url = m.RemoteURL
	default:
		url = a.Attachment(m.ID, m.RemoteURL, Original)
		if m.Kind != Audio || m.ThumbnailRemoteURL != "" {
			preview = a.Attachment(m.ID, m.RemoteURL, Small)
		}
	}
	return url, preview
}

// key proves that an address was made here, and stands for the file in the table of those that are kept.
func (a *Addresses) key(kind string, id int64, url string) string {
	h, _ := a.hashs.Get().(hash.Hash)
	h.Reset()
	var buffer [256]byte
	text := append(append(buffer[:0], kind...), 0)
	text = append(strconv.AppendInt(text, id, 10), 0)
	_, _ = h.Write(append(text, url...))
	sum := h.Sum(buffer[:0])
	a.hashs.Put(h)
	return hex.EncodeToString(sum[:keyBytes])
}

// A Ref names a file of another server.
type Ref struct {
	Kind string
	// ID is the attachment's; 0 for others.
	ID  int64
	URL string
	// Thumbnail is where the server has a smaller rendition of an attachment; '' where it has none.
	Thumbnail string
	key       string
}

// Ref makes a reference to a picture that is no attachment.
func (a *Addresses) Ref(kind, url string) Ref {
	return Ref{Kind: kind, URL: url, key: a.key(kind, 0, url)}
}

// errMadeElsewhere refuses an address that was not made here.
func errMadeElsewhere() error { return errs.New(errs.ForbiddenKind, "This address was not made here") }

// Read finds out which file an address names; errs.Forbidden for one that was not made here (MED-11).
func (a *Addresses) Read(kind, key, encoded string) (Ref, error) {
	url, err := base64.RawURLEncoding.DecodeString(encoded)
	ref := a.Ref(kind, string(url))
	if err != nil || kind == Attachments || !isRemote(string(url)) || !hmac.Equal([]byte(ref.key), []byte(key)) {
		return Ref{}, errMadeElsewhere()
	}
	return ref, nil
}
