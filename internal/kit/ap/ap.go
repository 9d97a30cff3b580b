// Package ap owns the ActivityPub vocabulary: tolerant in what it reads, exact in what it writes.
//
// Reading never trusts a document beyond its own host: Parse bounds size, depth and count; the readers (ReadActor, ReadNote) return plain values whose
// addresses are valid http or https, whose strings and lists are cut at the limits below, and from which claims about other hosts (keys,
// collections, shared inboxes, display links) are dropped. Whether the id itself is believed is for whoever fetched or verified the document.
package ap

import (
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

const (
	// ContentType is what every document is served and sent as.
	ContentType = "application/activity+json; charset=utf-8"
	// AcceptHeader asks for a document.
	AcceptHeader = `application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
	// Namespace is the ActivityStreams context and profile.
	Namespace = "https://www.w3.org/ns/activitystreams"
	// Public is the collection of everybody, in the form that is sent.
	Public = Namespace + "#Public"
)

// The types that are told apart.
var (
	ActorTypes = []string{"Person", "Service", "Group", "Organization", "Application"}
	// NoteTypes are shown as posts; all but the first two are shown as a title with a link.
	NoteTypes = []string{"Note", "Question", "Article", "Page", "Image", "Audio", "Video", "Event"}
)

// IsPublic reports whether an addressee is everybody, in any of the three spellings.
func IsPublic(id string) bool {
	return id == Public || id == "as:Public" || id == "Public"
}

// SameHost reports whether two addresses are valid and of one origin: scheme, host and port.
func SameHost(a, b string) bool { return weburl.SameOrigin(a, b) }

// HostOf is the host (with the port if it is not the scheme's own) in lower-case ASCII; empty when the address is refused.
func HostOf(uri string) string { return weburl.Host(uri) }

// IsActivityJSON reports whether a media type is that of ActivityPub: activity+json, or ld+json with the ActivityStreams profile among its profiles.
// Anything else may be a file that somebody uploaded to an honest server.
func IsActivityJSON(contentType string) bool {
	if len(contentType) > 1024 {
		return false
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/activity+json":
		return true
	case "application/ld+json":
		return slices.Contains(strings.Fields(params["profile"]), Namespace)
	}
	return false
}

// FormatTime writes a time as Mastodon does: UTC, whole seconds; empty for the zero time.
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// FormatEdit writes the time of an edit to the millisecond: two edits may happen within a second, and within a second of the post.
func FormatEdit(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// NotAfter is t, or now if t is later (or missing): nobody pins a post on top of timelines by dating it in the future.
func NotAfter(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) {
		return now
	}
	return t
}
