package activitypub

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Two deliveries about the same thing to the same host keep their order: an Update, Delete or Undo waits while an earlier one
// about its subject is not over. The queue itself says which those are: the arguments of a delivery begin with its subject, and
// the rows of a host are indexed. Only those that follow something ask, so that a new post costs no statement for it.

const (
	// quick is the age up to which a delivery counts as sent at once; one that is older may be about what is gone by now.
	quick = 30 * time.Second
	// withdrawable is the age from which a deletion and what it deletes may meet in the queue and cancel each other: well above
	// quick, so that the older one is sure to look, whatever the clocks of two processes say.
	withdrawable = 2 * time.Minute
	// minBehind and maxBehind bound how long a delivery waits for an earlier one until it looks again.
	minBehind = 2 * time.Second
	maxBehind = 10 * time.Minute
)

// subject is what a delivery is about.
type subject struct {
	// Object is the same for all deliveries that must keep their order; empty for one that is alone.
	Object string `json:",omitzero"`
	// Verb is the type of the activity.
	Verb string `json:",omitzero"`
	// Post says that Object is a post, or a boost, of ours.
	Post bool `json:",omitzero"`
}

// subjectOf reads a document of ours.
func subjectOf(doc any) subject {
	a, ok := doc.(*ap.ActivityDoc)
	if !ok {
		return subject{}
	}
	about := subject{Verb: a.Type}
	switch o := a.Object.(type) {
	case *ap.NoteDoc:
		about.Object, about.Post = o.ID, true
	case *ap.ActorDoc:
		about.Object = o.ID
	case *ap.ActivityDoc: // Undo, Accept, Reject
		inner := subjectOf(o)
		about.Object, about.Post = inner.Object, inner.Post
	case *ap.TombstoneDoc:
		about.Object, about.Post = o.ID, true
	case string:
		about.Object = o
		switch a.Type {
		case "Follow", "Like", "Block":
			about.Object = a.Type + " " + a.Actor + " " + o
		case "Announce":
			about.Object, about.Post = a.ID, true
		}
	}
	return about
}

// prefix is how the arguments of every delivery about the subject begin.
func (s subject) prefix() string {
	return `{"Object":` + quoted(s.Object) + `,"Verb":"`
}

// quoted is a text as it stands in the arguments of a job.
func quoted(s string) string {
	text, _ := json.Marshal(s) // a string can always be written
	return string(text)
}

// begins reports whether nothing about the subject was sent before; ends whether nothing follows.
func (s subject) begins() bool { return s.Verb == "Create" || s.Verb == "Announce" }

func (s subject) ends() bool { return s.Post && (s.Verb == "Delete" || s.Verb == "Undo") }

// follows reports whether anything about the subject may have been sent before.
func (s subject) follows() bool {
	return s.Object != "" && !s.begins()
}

// place says whether a delivery may go now as far as others about its subject are concerned: it has to wait for an earlier one,
// or nobody needs it any more.
func (s *Server) place(ctx context.Context, d Delivery) (wait time.Duration, needless bool, err error) {
	now := s.Clock.Now()
	age := now.Sub(d.At)
	if d.Post && (d.begins() || d.Verb == "Update") && (age > quick || jobs.Attempt(ctx) > 1) {
		if needless, err = s.withdrawn(ctx, d); err != nil || needless {
			return 0, needless, err
		}
	}
	if !d.follows() {
		return 0, false, nil
	}
	earlier, err := s.Instances.Pending(ctx, s.DB, []string{d.Host()}, d.prefix())
	earlier = slices.DeleteFunc(earlier, func(e instances.Pending) bool { return !d.after(e) })
	switch {
	case err != nil || len(earlier) == 0:
		return 0, false, err
	case !d.ends():
		return behind(age), false, nil
	case slices.ContainsFunc(earlier, func(e instances.Pending) bool { return unsent(e, d.Inbox, now) }):
		return 0, true, nil
	}
	// Of what was tried before nobody knows whether it arrived. It is not tried again, so that the deletion need not wait for it.
	if slices.ContainsFunc(earlier, func(e instances.Pending) bool { return e.Running || now.Sub(e.WrittenAt) <= withdrawable }) {
		return behind(age), false, nil
	}
	return 0, false, nil
}

// after reports whether a delivery comes after another one about its subject: what begins is first and what ends is last, whatever
// the clocks say; in between the order in which they were written counts.
func (d Delivery) after(e instances.Pending) bool {
	verb, _, _ := strings.Cut(e.Rest, `"`)
	other := subject{Verb: verb, Post: strings.HasPrefix(e.Rest, verb+`","Post":true`)}
	if d.rank() != other.rank() {
		return d.rank() > other.rank()
	}
	return e.ID < d.Seq
}

func (s subject) rank() int {
	switch {
	case s.begins():
		return 0
	case s.ends():
		return 2
	}
	return 1
}

// unsent reports whether a delivery waits that its server never heard of, and that will see, when its turn comes, that its post
// is gone. Then nobody there needs to be told that it is gone.
func unsent(e instances.Pending, inbox string, now time.Time) bool {
	if e.Running || e.Attempts > 0 || now.Sub(e.WrittenAt) <= withdrawable {
		return false
	}
	for _, verb := range []string{"Create", "Announce"} {
		if strings.HasPrefix(e.Rest, verb+`","Post":true,"Inbox":`+quoted(inbox)+",") {
			return true
		}
	}
	return false
}

// unheard lists which of the inboxes on some hosts never heard of what a deletion is about.
func (s *Server) unheard(ctx context.Context, about subject, hosts, inboxes []string) (map[string]bool, error) {
	if !about.ends() || len(hosts) == 0 {
		return nil, nil
	}
	earlier, err := s.Instances.Pending(ctx, s.DB, hosts, about.prefix())
	if err != nil || len(earlier) == 0 {
		return nil, err
	}
	now, out := s.Clock.Now(), map[string]bool{}
	for _, inbox := range inboxes {
		out[inbox] = slices.ContainsFunc(earlier, func(e instances.Pending) bool { return unsent(e, inbox, now) })
	}
	return out, nil
}

// withdrawn reports whether a post was deleted while its delivery waited.
func (s *Server) withdrawn(ctx context.Context, d Delivery) (bool, error) {
	_, err := s.Statuses.ByURI(ctx, s.DB, d.Object)
	if errs.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking whether a post is still there: %w", err)
	}
	return false, nil
}

// behind is how long a delivery of some age waits for an earlier one.
func behind(age time.Duration) time.Duration {
	wait := min(max(age/4, minBehind), maxBehind)
	return wait + rand.N(wait/4)
}
