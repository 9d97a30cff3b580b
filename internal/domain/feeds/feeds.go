// Package feeds owns who sees which post where: home and list feeds, live messages about posts, and conversations.
//
// A feed is a list of ids in kit/cache, which can be lost at any time. The rules of who sees what (rules.go) are pure and used
// twice: when a post is pushed to the followers of its author (spread.go), and when a feed is computed from SQL (source.go),
// because its list is missing or the page lies below it. Both give the same list.
//
// A boost is hidden while the boosted post, or another boost of it, is among the 40 entries right below it. That is decided
// when a feed is read, from the list itself: Mastodon decides when it pushes, which needs a look at every follower's feed.
//
// When relations change, lists are dropped and computed again by the next reader: always right, and following a hundred
// accounts costs one computation instead of a hundred merges.
package feeds

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// Length is how many posts a list keeps, for home and for lists alike: 20 pages; what lies below is computed.
	Length = 800
	// keepFor bounds how long a list lives. It must be well below activeFor, so that no list of somebody whom pushes pass over
	// is still there; it also heals whatever a lost connection to the cache made of a list.
	keepFor = 3 * 24 * time.Hour
	// activeFor is how long after a person's last visit posts are still pushed.
	activeFor = 14 * 24 * time.Hour
	// slice is how many followers one job serves (requirement N7).
	slice = 500
	// falloff is how many entries below a boost hide it when they show the same post (Mastodon).
	falloff = 40
	// bottom stands at the end of a list that is complete: nothing lies below it in SQL.
	bottom = 1
)

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	Jobs      *jobs.Jobs
	IDs       *ids.Source
	Clock     clock.Clock
	Accounts  *accounts.Service
	Relations *relations.Service
	Statuses  *statuses.Service
	Cache     cache.Cache
	Bus       pubsub.Bus
	// Log is told when the cache or the bus fail: feeds work without either, more slowly. May be nil.
	Log *slog.Logger
}

// Service reads and fills feeds.
type Service struct {
	Deps
	originals *originals
}

// New makes the service.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Deps: d, originals: &originals{young: map[statuses.ID]statuses.ID{}}}
}

// Events of live messages; the names are the API's.
const (
	Update       = "update"
	StatusUpdate = "status.update"
	Delete       = "delete"
	Conversation = "conversation"
)

// PublicChannel carries a Message for every post that a public timeline or a hashtag's shows.
const PublicChannel = "public"

// HomeChannel, ListChannel and DirectChannel carry a Message for what is new in a feed.
func HomeChannel(id accounts.ID) string { return "home:" + ids.Format(id) }

// ListChannel carries what is new in a list's feed.
func ListChannel(id int64) string { return "list:" + ids.Format(id) }

// DirectChannel carries what is new in an account's conversations: the ID is the conversation's, see Service.Conversation.
func DirectChannel(id accounts.ID) string { return "direct:" + ids.Format(id) }

// Message is a live message about a post. On home and list channels the receiver's rules have been applied; on the public one
// the fields after Of say what a reader needs to decide.
type Message struct {
	Event string
	ID    int64
	// Of is the boosted post.
	Of int64
	// At is when the post was edited, in milliseconds: with the ID it names one state of the post.
	At int64

	Author accounts.ID
	Domain string
	// People are mentioned.
	People   []accounts.ID
	Local    bool
	Media    bool
	Reply    bool
	Language string
	Tags     []string
}

func homeKey(id accounts.ID) string { return "feed:home:" + ids.Format(id) }

func listKey(id int64) string { return "feed:list:" + ids.Format(id) }

func (m Message) on(channel string) pubsub.Message {
	b, _ := json.Marshal(m) // numbers and strings always encode
	return pubsub.Message{Channel: channel, Payload: b}
}

// publish is best effort, as all live messages are.
func (s *Service) publish(ctx context.Context, list ...pubsub.Message) {
	if len(list) == 0 || s.Bus == nil {
		return
	}
	if err := s.Bus.Publish(ctx, list...); err != nil {
		s.Log.WarnContext(ctx, "live messages are lost", "error", err)
	}
}
