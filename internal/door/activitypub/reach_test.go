package activitypub_test

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
)

// TestAnswersReachTheConversation: who follows the one of ours whose post is answered hears of public answers, and of no others
// (VIS-06).
func TestAnswersReachTheConversation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	carol := s.us.person("carol")
	public := s.post(statuses.Draft{Text: "for everybody"})
	before := len(s.evil.sent("Create"))
	for v, want := range map[statuses.Visibility]int{statuses.Public: 1, statuses.Unlisted: 1, statuses.Private: 0, statuses.Direct: 0} {
		_, err := s.us.statuses.Post(ctx(), carol, statuses.Draft{Text: "@alice an answer", Visibility: v, InReplyToID: public.ID})
		s.us.must(err)
		settle(t, s.us)
		after := len(s.evil.sent("Create"))
		if after-before != want {
			t.Errorf("visibility %v: %d arrived", v, after-before)
		}
		before = after
	}
	if got := len(s.good.received()); got != 0 && s.good.sent("Create") != nil {
		t.Errorf("bob follows nobody here, and got %v", s.good.sent("Create"))
	}
}
