package stream_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/stream"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestQuotesAreWithheldLive from those who may not see the quoted post, or do not want to (VIS-13), and an approval that is taken back is told.
func TestQuotesAreWithheldLive(t *testing.T) {
	t.Parallel()
	bus := pubsub.NewLocal()
	t.Cleanup(func() { _ = bus.Close() })
	w := open(t, dbtest.SQLite(t), bus, bus, []func(*stream.Deps){}...)
	ann, ben, zoe, eve := w.person("ann"), w.person("ben"), w.person("zoe"), w.person("eve")
	w.Follow(ann.Account, ben.Account)
	w.Follow(eve.Account, ben.Account)
	w.must(w.Relations.Block(w.ctx, zoe.Account, eve.Account, ""))
	w.pump()
	words := w.Post(zoe.Account, "words", func(d *statuses.Draft) { d.QuotePolicy = statuses.QuotableByAll })
	w.pump()
	anns, eves := w.dial(ann, "stream", "user"), w.dial(eve, "stream", "user")
	state := func(s *socket, event string) (string, bool) {
		t.Helper()
		got := s.next()
		var v struct {
			Quote struct {
				State        string           `json:"state"`
				QuotedStatus *json.RawMessage `json:"quoted_status"`
			} `json:"quote"`
		}
		if err := json.Unmarshal([]byte(got.Payload), &v); err != nil || got.Event != event {
			t.Fatalf("%+v: %v", got, err)
		}
		return v.Quote.State, v.Quote.QuotedStatus != nil
	}
	quote := w.Post(ben.Account, "look", func(d *statuses.Draft) { d.QuotedStatusID = words.ID })
	w.pump()
	if s, shown := state(anns, "update"); s != "accepted" || !shown {
		t.Errorf("ann hears %s, shown %v", s, shown)
	}
	if s, shown := state(eves, "update"); s != "unauthorized" || shown {
		t.Errorf("eve, whom the quoted author blocks, hears %s, shown %v", s, shown)
	}
	w.Clock.Advance(time.Second)
	w.must(w.Statuses.RevokeQuote(w.ctx, zoe.ID, words, quote.ID))
	w.pump()
	if s, shown := state(anns, "status.update"); s != "revoked" || shown {
		t.Errorf("after it was revoked ann hears %s, shown %v", s, shown)
	}
}
