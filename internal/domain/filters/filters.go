// Package filters owns what a person does not want to read: filters of words and of single posts, and the matching of posts against them.
package filters

import (
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// Bounds. The lengths are Mastodon's; the counts are ours, for all of a person's filters are matched against every post shown.
const (
	MaxTitle    = 256
	MaxKeyword  = 512
	MaxFilters  = 200
	MaxKeywords = 1000
	MaxStatuses = 1000
	// MaxLifetime is how far away a filter's end may be: longer is for good.
	MaxLifetime = 100 * 365 * 24 * time.Hour
)

// Contexts are the places that a filter can be for; the names are the API's.
var Contexts = []string{"home", "notifications", "public", "thread", "account"}

// Actions are what a client does with a post that matches; the names are the API's.
var Actions = []string{"warn", "hide", "blur"}

// Filter is a titled group of keywords and posts.
type Filter struct {
	ID        int64
	AccountID accounts.ID
	Title     string
	Context   []string
	Action    string
	// ExpiresAt is zero for a filter for good.
	ExpiresAt time.Time
	Keywords  []Keyword
	Statuses  []Status
}

// Expired reports whether the filter ended by a time.
func (f *Filter) Expired(now time.Time) bool {
	return !f.ExpiresAt.IsZero() && !now.Before(f.ExpiresAt)
}

// Keyword is a word or phrase of a filter.
type Keyword struct {
	ID, FilterID int64
	Keyword      string
	WholeWord    bool
}

// Status is a single post of a filter.
type Status struct {
	ID, FilterID int64
	StatusID     statuses.ID
}

// Change is what a person changes of a filter; nil leaves as it is. New filters need Title and Context.
type Change struct {
	Title   *string
	Context []string
	Action  *string
	// SetExpiry says that ExpiresIn counts; nil then means for good.
	SetExpiry bool
	ExpiresIn *time.Duration
	Keywords  []KeywordChange
}

// KeywordChange adds a keyword (ID 0), changes one, or with Destroy removes it.
type KeywordChange struct {
	ID        int64
	Keyword   *string
	WholeWord *bool
	Destroy   bool
}

// blank reports whether nothing at all was given, which Mastodon passes over.
func (k KeywordChange) blank() bool {
	return k.ID == 0 && (k.Keyword == nil || *k.Keyword == "") && k.WholeWord == nil
}

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	IDs      *ids.Source
	Clock    clock.Clock
	Statuses *statuses.Service
	// Bus carries "filters:ACCOUNT" to those who hold a Set; may be nil where there is one process and no stream.
	Bus pubsub.Bus
}

// Service reads and writes filters.
type Service struct {
	Deps
	cache sets
}

// New makes the service.
func New(d Deps) *Service {
	return &Service{Deps: d, cache: sets{bus: d.Bus, entries: map[accounts.ID]*Set{}}}
}

// Channel is where changes of an account's filters are told.
func Channel(id accounts.ID) string { return "filters:" + ids.Format(id) }

func (f *Filter) apply(c Change, now time.Time) error {
	if c.Title != nil {
		f.Title = *c.Title
	}
	if c.Context != nil {
		f.Context = cleanContext(c.Context)
	}
	if c.Action != nil {
		f.Action = *c.Action
	}
	if c.SetExpiry {
		f.ExpiresAt = time.Time{}
		if c.ExpiresIn != nil && *c.ExpiresIn < MaxLifetime {
			f.ExpiresAt = now.Add(max(*c.ExpiresIn, 0))
		}
	}
	return f.check()
}

func cleanContext(list []string) []string {
	out := []string{}
	for _, c := range list {
		if c = strings.TrimSpace(c); c != "" && !slices.Contains(out, c) {
			out = append(out, c)
			if len(out) > len(Contexts) {
				break // one too many is enough to be refused
			}
		}
	}
	return out
}

func (f *Filter) check() error {
	var wrong []string
	if strings.TrimSpace(f.Title) == "" {
		wrong = append(wrong, "Title can't be blank")
	}
	if len([]rune(f.Title)) > MaxTitle {
		wrong = append(wrong, "Title is too long (maximum is 256 characters)")
	}
	if len(f.Context) == 0 {
		wrong = append(wrong, "Context can't be blank")
	}
	if len(f.Context) == 0 || slices.ContainsFunc(f.Context, func(c string) bool { return !slices.Contains(Contexts, c) }) {
		wrong = append(wrong, "Context None or invalid context supplied")
	}
	if len(wrong) > 0 {
		return errs.Invalid("Validation failed: %s", strings.Join(wrong, ", "))
	}
	if !slices.Contains(Actions, f.Action) {
		return errs.Invalid("'%.32s' is not a valid filter_action", f.Action)
	}
	return nil
}

func (k *Keyword) apply(c KeywordChange) error {
	if c.Keyword != nil {
		k.Keyword = *c.Keyword
	}
	if c.WholeWord != nil {
		k.WholeWord = *c.WholeWord
	}
	if strings.TrimSpace(k.Keyword) == "" {
		return errs.Invalid("Validation failed: Keyword can't be blank")
	}
	if len([]rune(k.Keyword)) > MaxKeyword {
		return errs.Invalid("Validation failed: Keyword is too long (maximum is 512 characters)")
	}
	return nil
}
