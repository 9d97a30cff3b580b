package view

import (
	"io"
	"time"
)

// Where the pages of this file live.
const (
	PathProfileSettings = "/settings/profile" // GET, POST: display_name, note, locked, bot, discoverable, indexable, hide_collections
	PathCleanup         = "/statuses_cleanup" // GET, POST: enabled, min_status_age, keep_*, min_favs, min_reblogs
	PathPending         = "/admin/pending"    // GET; POST {id}/approve, {id}/reject
)

// ProfileSettings is the page on which a person changes what others see of them.
type ProfileSettings struct {
	Page
	Form
	DisplayName, Note                                     string
	Locked, Bot, Discoverable, Indexable, HideCollections bool
	// Mailable says that the server lets people have their posts sent by mail, EmailSubscriptions that this person does.
	Mailable, EmailSubscriptions bool
	MaxName, MaxNote             int // characters
	ProfileURL                   string
	PendingURL                   string // for those who may let people in; empty for all others
}

func (p ProfileSettings) head() head {
	h := card(p.Site, "Profile", PathProfileSettings)
	h.Card = false
	return h
}

// ProfileSettings writes the page for a person's profile.
func (r *Renderer) ProfileSettings(w io.Writer, p ProfileSettings) error {
	return r.render(w, "profile_settings", &p)
}

// CleanupSettings is the page on which a person has old posts deleted by themselves.
type CleanupSettings struct {
	Page
	Form
	Enabled             bool
	Age                 int64 // seconds, one of Ages
	Ages                []Choice
	Keep                []Check
	MinFavs, MinReblogs string
}

// Choice is one of several values.
type Choice struct {
	Value int64
	Label string
}

// Check is a box to tick.
type Check struct {
	Name, Label string
	On          bool
}

func (p CleanupSettings) head() head {
	h := card(p.Site, "Automated post deletion", PathCleanup)
	h.Card = false
	return h
}

// CleanupSettings writes the page for old posts.
func (r *Renderer) CleanupSettings(w io.Writer, p CleanupSettings) error {
	return r.render(w, "cleanup_settings", &p)
}

// Pending lists the people who wait to be let in.
type Pending struct {
	Page
	People []Applicant
}

// Applicant is one of them.
type Applicant struct {
	ID, Username, Email, Reason, IP string
	CreatedAt                       time.Time
}

func (p Pending) head() head {
	h := card(p.Site, "Waiting for approval", PathPending)
	h.Card = false
	return h
}

// Pending writes the list of people who wait.
func (r *Renderer) Pending(w io.Writer, p Pending) error { return r.render(w, "pending", &p) }
