package view

import (
	"io"
	"time"
)

// PathInvites is the page of somebody's invitations: GET; POST: expires_in, max_uses, autofollow; {id}/revoke POST. What an invitation leads to is /invite/{code}.
const PathInvites = "/invites"

// Invites is the page on which a person invites others.
type Invites struct {
	Page
	Form
	Lives, Uses []Choice // seconds; how often
	Invites     []Invite
}

// Invite is one of them. MaxUses is 0, and ExpiresAt zero, for no end.
type Invite struct {
	ID, URL       string
	Uses, MaxUses int64
	ExpiresAt     time.Time
	Open          bool
}

func (p Invites) head() head {
	h := card(p.Site, "Invite people", PathInvites)
	h.Card = false
	return h
}

// Invites writes the page of somebody's invitations.
func (r *Renderer) Invites(w io.Writer, p Invites) error { return r.render(w, "invites", &p) }
