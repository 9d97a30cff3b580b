package statuses_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/errs"
)

func TestEditsKeepWhatWas(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, bob := b.Account("ann"), b.Account("bob")
		one, two, three := b.attachment(ann, "one"), b.attachment(ann, "two"), b.attachment(bob, "not ann's")
		st := b.post("x", ann, "first #cats @bob", func(d *statuses.Draft) { d.MediaIDs = []int64{one, two} })
		b.Events()
		edit := func(d statuses.Draft, events int) *statuses.Status {
			b.t.Helper()
			b.Clock.Advance(time.Minute)
			got, err := b.Statuses.Edit(b.Ctx(), ann, st.ID, d)
			b.must(err)
			if e := b.Events(); len(e) != events || events == 1 && e[0] != (statuses.Edited{StatusID: st.ID, AccountID: ann.ID, Local: true}) {
				b.t.Errorf("emitted %+v", e)
			}
			return got
		}
		edit(statuses.Draft{Text: "first #cats @bob", MediaIDs: []int64{one, two}}, 0) // the same
		edit(statuses.Draft{Text: "second #dogs", SpoilerText: "careful", Sensitive: true, MediaIDs: []int64{one, two}}, 1)
		last := edit(statuses.Draft{Text: "third", MediaIDs: []int64{two}}, 1)
		for name, bad := range map[string]statuses.Draft{"someone else's media": {Text: "x", MediaIDs: []int64{three}}, "nothing": {}, "both": {Text: "x", MediaIDs: []int64{two}, Poll: &statuses.PollDraft{Options: []string{"a"}}}} {
			if _, err := b.Statuses.Edit(b.Ctx(), ann, st.ID, bad); errs.KindOf(err) != errs.InvalidKind {
				b.t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := b.Statuses.Edit(b.Ctx(), bob, st.ID, statuses.Draft{Text: "mine"}); !errs.IsNotFound(err) {
			b.t.Errorf("someone else's post: %v", err)
		}
		versions, err := b.Statuses.Versions(b.Ctx(), b.DB, last)
		b.must(err)
		var got []string
		for _, v := range versions {
			got = append(got, fmt.Sprint(v.SpoilerText, v.Sensitive, descriptions(v.Media), v.CreatedAt.Sub(st.CreatedAt)))
		}
		if want := []string{"false [one two] 0s", "carefultrue [one two] 2m0s", "false [two] 3m0s"}; !reflect.DeepEqual(got, want) {
			b.t.Errorf("versions are %q", got)
		}
		p, err := b.Statuses.Load(b.Ctx(), b.DB, bob.ID, []statuses.ID{st.ID})
		b.must(err)
		now := p.Statuses[st.ID]
		if len(p.Tags[st.ID]) != 0 || len(p.Mentions[st.ID]) != 1 || len(p.Media[st.ID]) != 1 || now.EditedAt.IsZero() || now.Text != "third" || now.RepliesCount != 0 {
			b.t.Errorf("now it is %+v with %+v", now, p)
		}
		freed, err := b.Media.ByID(b.Ctx(), b.DB, ann.ID, one)
		if err != nil || freed.StatusID != 0 {
			b.t.Errorf("the removed attachment is %+v, %v", freed, err)
		}
		if list, err := b.Statuses.Tagged(b.Ctx(), b.DB, 0, statuses.TagOptions{Any: []string{"cats", "dogs"}}, page); len(list) != 0 || err != nil {
			b.t.Errorf("still under its old tags: %v, %v", list, err)
		}
	})
}

func descriptions(list []media.Attachment) (out []string) {
	for _, m := range list {
		out = append(out, m.Description)
	}
	return out
}

func TestEditedPollsBeginAnew(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, bob := b.Account("ann"), b.Account("bob")
		poll := func(options ...string) *statuses.PollDraft {
			return &statuses.PollDraft{Options: options, ExpiresIn: time.Hour}
		}
		st := b.post("x", ann, "which?", func(d *statuses.Draft) { d.Poll = poll("a", "b") })
		_, err := b.Statuses.Vote(b.Ctx(), bob, st.PollID, []int{0}, "")
		b.must(err)
		b.Clock.Advance(time.Minute)
		same, err := b.Statuses.Edit(b.Ctx(), ann, st.ID, statuses.Draft{Text: "which one?", Poll: poll("a", "b")})
		b.must(err)
		polls, err := b.Statuses.Polls(b.Ctx(), b.DB, bob.ID, []int64{same.PollID})
		if p := polls[same.PollID]; err != nil || p == nil || p.VotesCount != 1 || len(p.Own) != 1 {
			b.t.Errorf("with the same options the poll is %+v, %v", p, err)
		}
		b.Clock.Advance(time.Minute)
		other, err := b.Statuses.Edit(b.Ctx(), ann, st.ID, statuses.Draft{Text: "which one?", Poll: poll("a", "c")})
		b.must(err)
		polls, err = b.Statuses.Polls(b.Ctx(), b.DB, bob.ID, []int64{other.PollID})
		if p := polls[other.PollID]; err != nil || p == nil || p.VotesCount != 0 || len(p.Own) != 0 || !reflect.DeepEqual(p.Options, []string{"a", "c"}) {
			b.t.Errorf("with other options the poll is %+v, %v", p, err)
		}
		b.Clock.Advance(time.Minute)
		none, err := b.Statuses.Edit(b.Ctx(), ann, st.ID, statuses.Draft{Text: "which one?"})
		if b.must(err); none.PollID != 0 {
			b.t.Errorf("the removed poll is %d", none.PollID)
		}
		versions, err := b.Statuses.Versions(b.Ctx(), b.DB, none)
		b.must(err)
		var got [][]string
		for _, v := range versions {
			got = append(got, v.PollOptions)
		}
		if want := [][]string{{"a", "b"}, {"a", "b"}, {"a", "c"}, nil}; !reflect.DeepEqual(got, want) {
			b.t.Errorf("versions had %q", got)
		}
	})
}
