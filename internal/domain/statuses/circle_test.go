package statuses_test

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
)

// An event says that there is nobody to be told, or to send to, only where that is so.
func TestPostsThatConcernNobody(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		posted := func(by *accounts.Account, text string, edit ...func(*statuses.Draft)) statuses.Posted {
			b.t.Helper()
			b.Events()
			b.Post(by, text, edit...)
			for _, e := range b.Events() {
				if p, ok := e.(statuses.Posted); ok {
					return p
				}
			}
			b.t.Fatal("no event")
			return statuses.Posted{}
		}
		expect := func(name string, e statuses.Posted, quiet, unheard bool) {
			b.t.Helper()
			if e.Quiet != quiet || e.Unheard != unheard {
				b.t.Errorf("%s: quiet %v, unheard %v", name, e.Quiet, e.Unheard)
			}
		}
		direct := func(d *statuses.Draft) { d.Visibility = statuses.Direct }
		ann, bob, far := b.Account("ann"), b.Account("bob"), b.Remote("far", "far.example")
		expect("nobody listens", posted(ann, "hello"), true, true)
		b.Follow(bob, ann)
		expect("a follower who asked for nothing", posted(ann, "hello"), true, true)
		expect("somebody here is named", posted(ann, "hello @bob"), false, true)
		expect("somebody elsewhere is named", posted(ann, "hello @far@far.example"), true, false)
		expect("somebody elsewhere, directly", posted(ann, "hello @far@far.example", direct), true, false)

		b.must(b.Relations.Follow(b.Ctx(), bob, ann, relations.FollowOptions{Notify: new(true)}))
		expect("a follower who wants notices", posted(ann, "hello"), false, true)
		expect("such a follower is no business of a direct post", posted(ann, "hello", direct), true, true)
		b.Follow(far, ann)
		expect("a follower elsewhere", posted(ann, "hello"), false, false)

		theirs := b.Receive(far, "<p>hi</p>")
		answer := func(id statuses.ID) func(*statuses.Draft) {
			return func(d *statuses.Draft) { d.InReplyToID = id }
		}
		carl := b.Account("carl")
		expect("an answer to elsewhere", posted(carl, "yes", answer(theirs.ID)), true, false)
		mine := b.post("answer", carl, "yes", answer(theirs.ID))
		expect("an answer to oneself, in their thread", posted(carl, "and", answer(mine.ID)), true, false)
	})
}
