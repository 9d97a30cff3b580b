// Package entity owns the JSON shapes of the Mastodon API, and how they are made of what the domains know.
//
// The shapes follow testdata/mastodon-api/entities.tsv: which field may be null, which may be absent, what is a string. A
// pointer is a field that may be null; omitempty is only on fields that may be absent.
package entity

import (
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Deps is what the renderer stands on.
type Deps struct {
	Site      settings.Site
	Clock     clock.Clock
	Accounts  *accounts.Service
	Relations *relations.Service
	Statuses  *statuses.Service
	Media     *media.Service
	// Links are the previews of what posts link to; nil for none.
	Links *links.Service
	// Filters are what people do not want to read; nil for none.
	Filters *filters.Service
	// Collections may be nil where none are shown.
	Collections *collections.Service
	// Settings say what of an account is shown; nil for what is usual.
	Settings *settings.Service
	// Roles names the roles that a profile shows; nil for none.
	Roles Roles
}

// Renderer makes entities.
type Renderer struct {
	Deps
	cache *pieces
}

// New makes a renderer.
func New(d Deps) *Renderer { return &Renderer{Deps: d, cache: newPieces()} }

// stamp is a moment as the API writes it: ISO 8601 in UTC with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// stampOrNil is stamp, nil for no moment.
func stampOrNil(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// Stamp is a moment as the API writes it.
func Stamp(t time.Time) string { return stamp(t) }

// midnight cuts a moment to its day, so that nobody reads a time of day from it.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// date is a bare day, nil for none.
func date(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02")
	return &s
}

// textOrNil is nil for an empty text.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// idOrNil is nil for no id.
func idOrNil[T ~int64](id T) *string {
	if id == 0 {
		return nil
	}
	s := ids.Format(id)
	return &s
}

// list makes an empty JSON list of nil.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// shown is the address of a picture, and of the rendition of it that does not move.
func (r *Renderer) shown(kind, value string) (moving, still string) {
	at := r.Deps.Media.Addresses
	return at.Of(kind, value, false), at.Of(kind, value, true)
}

// CustomEmoji is a picture that stands for :shortcode: in texts.
type CustomEmoji struct {
	Shortcode       string  `json:"shortcode"`
	URL             string  `json:"url"`
	StaticURL       string  `json:"static_url"`
	VisibleInPicker bool    `json:"visible_in_picker"`
	Category        *string `json:"category,omitempty"`
}

func (r *Renderer) emojis(in []accounts.Emoji) []CustomEmoji {
	out := make([]CustomEmoji, 0, len(in))
	for _, e := range in {
		url, still := r.shown(media.Emojis, e.URL)
		out = append(out, CustomEmoji{Shortcode: e.Shortcode, URL: url, StaticURL: still, VisibleInPicker: true})
	}
	return out
}

// Emojis renders this server's custom emojis.
func (r *Renderer) Emojis(in []media.CustomEmoji) []CustomEmoji {
	out := make([]CustomEmoji, 0, len(in))
	for _, e := range in {
		url, still := r.shown(media.Emojis, e.Image)
		out = append(out, CustomEmoji{Shortcode: e.Shortcode, URL: url, StaticURL: still, VisibleInPicker: e.VisibleInPicker, Category: textOrNil(e.Category)})
	}
	return out
}
