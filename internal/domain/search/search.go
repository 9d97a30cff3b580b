// Package search owns the finding of posts by their words.
//
// The words of a post are entered by a job, after what made it findable: it was written here, it is public and its author consented
// (indexable), or somebody here is mentioned in it, likes, boosts, keeps it or voted in it. Who may find it is not in the index: the
// question asks for that, so that a block, a deletion or an end of consent counts at once (VIS-03).
package search

import (
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	IDs      *ids.Source
	Clock    clock.Clock
	Accounts *accounts.Service
}

// Service enters and finds posts.
type Service struct {
	Deps
	engine engine
}

// engine is what differs between the databases.
type engine interface {
	// value is what the index keeps of a document.
	value(d document) string
	// put writes a value; its arguments are the post's id and the value. drop takes the id.
	put() string
	drop() string
	// match writes a question; false when nothing can answer it.
	match(must, not []phrase) (string, bool)
	// hits gives the newest posts that answer the question in $2, at most $5, with ids above $3 and below $4, as a table with the column id.
	hits() string
}

// New makes the service.
func New(d Deps) *Service {
	s := &Service{Deps: d, engine: sqlite{}}
	if d.DB.Engine() == db.Postgres {
		s.engine = postgres{}
	}
	return s
}

// mark begins a word that no text has (a private character): a fact of a post that is asked for like a word. Alone it is in every post, and
// stands between the parts of one.
const mark = "\uE000"

// The facts.
const (
	markFrom     = mark + "f"
	markProperty = mark + "p"
	markLanguage = mark + "l"
	markTag      = mark + "t"
)

// phrase is words that must follow each other; with prefix the last is only a beginning.
type phrase struct {
	words  []string
	prefix bool
}
