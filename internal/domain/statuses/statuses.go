// Package statuses owns posts: writing, reading, answering, boosting, favouring, keeping, editing, deleting them, and their polls.
//
// A verb is the same whether it comes from an app or from another server; Local in the events says whose act it was.
package statuses

import (
	"context"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// ID names a post.
type ID int64

// Visibility says who may see a post.
type Visibility int

// The visibilities; the numbers are stored, and Mastodon's.
const (
	Public Visibility = iota
	Unlisted
	Private
	Direct
)

var visibilities = []string{"public", "unlisted", "private", "direct"}

// String is the name that the API uses.
func (v Visibility) String() string { return visibilities[v] }

// ParseVisibility reads the API's name.
func ParseVisibility(s string) (Visibility, bool) {
	for i, name := range visibilities {
		if s == name {
			return Visibility(i), true
		}
	}
	return 0, false
}

// The parts that a post has in further tables.
const (
	hasMedia = 1 << iota
	hasMentions
	hasTags
	hasQuote
	hasCard
)

// Status is a post, or a boost of one.
type Status struct {
	ID        ID
	AccountID accounts.ID
	URI, URL  string
	Local     bool
	// Text is what was typed here, or the cleaned HTML of a remote post. Content is the HTML that is shown.
	Text, Content, SpoilerText string
	Sensitive                  bool
	Visibility                 Visibility
	Language                   string
	InReplyToID                ID
	InReplyToAccountID         accounts.ID
	// InReplyToURI is set while the parent is not known here.
	InReplyToURI                                string
	ConversationID                              int64
	ReblogOfID                                  ID
	PollID, ApplicationID                       int64
	Emojis                                      []accounts.Emoji
	CreatedAt, EditedAt, DeletedAt              time.Time
	RepliesCount, ReblogsCount, FavouritesCount int64
	QuotePolicy                                 QuotePolicy
	QuotesCount                                 int64

	parts int64
}

// Rows of further tables that a post may have, as the column parts tells: bits of it.
const (
	PartMedia    = hasMedia
	PartMentions = hasMentions
	PartTags     = hasTags
	PartCard     = hasCard
)

// Names reports whether the post mentions anybody, silently or not.
func (s *Status) Names() bool { return s.parts&hasMentions != 0 }

// Quotes reports whether the post quotes another one, whatever became of it.
func (s *Status) Quotes() bool { return s.parts&hasQuote != 0 }

// Carded reports whether the post has a link with a preview.
func (s *Status) Carded() bool { return s.parts&hasCard != 0 }

// Reblog reports whether this is a boost.
func (s *Status) Reblog() bool { return s.ReblogOfID != 0 }

// Reply reports whether this answers a post, known or not.
func (s *Status) Reply() bool { return s.InReplyToID != 0 || s.InReplyToURI != "" }

// Distributable reports whether anyone may see and pass on the post.
func (s *Status) Distributable() bool { return s.Visibility <= Unlisted }

// Mention is an account that a post names, or, when Silent, is addressed to without naming it.
type Mention struct {
	AccountID           accounts.ID
	Username, Acct, URL string
	URI                 string
	Silent              bool
}

// Tag is a hashtag of a post.
type Tag struct {
	ID          int64
	Name        string
	DisplayName string
}

// Resolver finds accounts on other servers that are not known yet. It may take as long as a network does and is called
// outside of transactions. Handles that cannot be resolved are left out.
type Resolver interface {
	Resolve(ctx context.Context, handles []accounts.Handle) ([]*accounts.Account, error)
}

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	Jobs      *jobs.Jobs
	IDs       *ids.Source
	Clock     clock.Clock
	Site      settings.Site
	Accounts  *accounts.Service
	Relations *relations.Service
	Media     *media.Service
	Resolver  Resolver
}

// Service reads and writes posts.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Posted says that a post, or a boost, was made here or arrived.
type Posted struct {
	StatusID   ID
	AccountID  accounts.ID
	Local      bool
	Reblog     bool
	Visibility Visibility
	// Old says that it was written long before it arrived: it is stored, but announced to nobody.
	Old bool
	// Quiet says that there was nobody here to be told of it: none is named, and no follower asked to be told of the author's
	// posts. Unheard says that there was nobody elsewhere to send it to. Neither means that it is not known.
	Quiet, Unheard bool
	// Found says that somebody may find it by its words, or, of a boost, the post that was boosted: see package search.
	Found bool
	// Mailed says that it may be sent to those who have the author's posts mailed to them: see package subscriptions.
	Mailed bool
}

// Kind names the event.
func (Posted) Kind() string { return "statuses.posted" }

// Edited says that a post has another text, or other attachments.
type Edited struct {
	StatusID  ID
	AccountID accounts.ID
	Local     bool
}

// Kind names the event.
func (Edited) Kind() string { return "statuses.edited" }

// Deleted says that a post, or a boost, is gone. Its row stays until Purge, for the reactions.
type Deleted struct {
	StatusID   ID
	AccountID  accounts.ID
	Local      bool
	URI        string
	ReblogOfID ID
}

// Kind names the event.
func (Deleted) Kind() string { return "statuses.deleted" }

// Favourited says that someone likes a post.
type Favourited struct {
	FavouriteID          int64
	StatusID             ID
	AccountID            accounts.ID
	ByLocal, AuthorLocal bool
}

// Kind names the event.
func (Favourited) Kind() string { return "statuses.favourited" }

// Unfavourited says that a like was taken back.
type Unfavourited struct {
	FavouriteID          int64
	StatusID             ID
	AccountID            accounts.ID
	URI                  string
	ByLocal, AuthorLocal bool
}

// Kind names the event.
func (Unfavourited) Kind() string { return "statuses.unfavourited" }

// Bookmarked says that somebody here keeps a post of another server.
type Bookmarked struct {
	StatusID  ID
	AccountID accounts.ID
}

// Kind names the event.
func (Bookmarked) Kind() string { return "statuses.bookmarked" }

// Pinned says that a post was put on, or taken off, its author's profile.
type Pinned struct {
	StatusID  ID
	AccountID accounts.ID
	On        bool
}

// Kind names the event.
func (Pinned) Kind() string { return "statuses.pinned" }

// Voted says that someone voted in a poll.
type Voted struct {
	PollID               int64
	StatusID             ID
	AccountID            accounts.ID
	VoteIDs              []int64
	ByLocal, AuthorLocal bool
}

// Kind names the event.
func (Voted) Kind() string { return "statuses.voted" }

// PollEnded says that a poll takes no more votes.
type PollEnded struct {
	PollID   int64
	StatusID ID
}

// Kind names the event.
func (PollEnded) Kind() string { return "statuses.poll_ended" }
