package entity

import (
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Relationship is what the viewer is to an account.
type Relationship struct {
	ID                  string   `json:"id"`
	Following           bool     `json:"following"`
	ShowingReblogs      bool     `json:"showing_reblogs"`
	Notifying           bool     `json:"notifying"`
	Languages           []string `json:"languages"`
	FollowedBy          bool     `json:"followed_by"`
	Blocking            bool     `json:"blocking"`
	BlockedBy           bool     `json:"blocked_by"`
	Muting              bool     `json:"muting"`
	MutingNotifications bool     `json:"muting_notifications"`
	MutingExpiresAt     *string  `json:"muting_expires_at"`
	Requested           bool     `json:"requested"`
	RequestedBy         bool     `json:"requested_by"`
	DomainBlocking      bool     `json:"domain_blocking"`
	Endorsed            bool     `json:"endorsed"`
	Note                string   `json:"note"`
}

// NewRelationship renders what the viewer is to an account. No languages chosen is null.
func NewRelationship(r relations.Relationship) Relationship {
	e := Relationship{
		ID: ids.Format(r.ID), Following: r.Following, ShowingReblogs: r.ShowingReblogs, Notifying: r.Notifying, FollowedBy: r.FollowedBy,
		Blocking: r.Blocking, BlockedBy: r.BlockedBy, Muting: r.Muting, MutingNotifications: r.MutingNotifications, MutingExpiresAt: stampOrNil(r.MutingExpiresAt),
		Requested: r.Requested, RequestedBy: r.RequestedBy, DomainBlocking: r.DomainBlocking, Endorsed: r.Endorsed, Note: r.Note,
	}
	if len(r.Languages) > 0 {
		e.Languages = r.Languages
	}
	return e
}

// FamiliarFollowers are those followers of an account whom the viewer follows.
type FamiliarFollowers struct {
	ID       string     `json:"id"`
	Accounts []*Account `json:"accounts"`
}

// List is a named group of followed accounts.
type List struct {
	ID            string `json:"id"`
	Title         string `json:"title"`
	RepliesPolicy string `json:"replies_policy"`
	Exclusive     bool   `json:"exclusive"`
}

// NewList renders a list.
func NewList(l relations.List) List {
	return List{ids.Format(l.ID), l.Title, l.RepliesPolicy, l.Exclusive}
}

// NewLists renders lists.
func NewLists(in []relations.List) []List {
	out := make([]List, 0, len(in))
	for _, l := range in {
		out = append(out, NewList(l))
	}
	return out
}

// Tag is a hashtag with how it was used of late.
type Tag struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	History []TagDay `json:"history"`
	*TagTies
}

// TagTies are what the viewer has to do with a hashtag.
type TagTies struct {
	Following bool `json:"following"`
	Featuring bool `json:"featuring"`
}

// TagDay is a hashtag's use on one day; all are numbers in text.
type TagDay struct {
	Day      string `json:"day"`
	Uses     string `json:"uses"`
	Accounts string `json:"accounts"`
}

// TagDays is how many days a hashtag's history has.
const TagDays = 7

// Tag renders a hashtag; history is by the day's beginning, ties is nil for nobody.
func (r *Renderer) Tag(t statuses.Tag, history map[int64]statuses.TagUse, ties *TagTies) Tag {
	name := t.DisplayName
	if name == "" {
		name = t.Name
	}
	e := Tag{Name: name, URL: r.Site.TagURL(t.Name)}
	if t.ID != 0 {
		e.ID = ids.Format(t.ID)
	}
	e.History, e.TagTies = r.history(history), ties
	return e
}

// history renders how something was used on each of the last days, today first.
func (r *Renderer) history(history map[int64]statuses.TagUse) []TagDay {
	out := make([]TagDay, 0, TagDays)
	today := midnight(r.Clock.Now())
	for i := range TagDays {
		day := today.Add(-time.Duration(i) * 24 * time.Hour).Unix()
		use := history[day]
		out = append(out, TagDay{ids.Format(day), ids.Format(use.Uses), ids.Format(use.Accounts)})
	}
	return out
}

// Marker is how far someone has read.
type Marker struct {
	LastReadID string `json:"last_read_id"`
	Version    int64  `json:"version"`
	UpdatedAt  string `json:"updated_at"`
}

// Preferences are what a person set for all apps.
type Preferences struct {
	Visibility  string  `json:"posting:default:visibility"`
	Sensitive   bool    `json:"posting:default:sensitive"`
	Language    *string `json:"posting:default:language"`
	QuotePolicy string  `json:"posting:default:quote_policy"`
	Media       string  `json:"reading:expand:media"`
	Spoilers    bool    `json:"reading:expand:spoilers"`
	Autoplay    bool    `json:"reading:autoplay:gifs"`
}

// Search is what was found.
type Search struct {
	Accounts    []*Account   `json:"accounts"`
	Statuses    []*Status    `json:"statuses"`
	Hashtags    []Tag        `json:"hashtags"`
	Collections []Collection `json:"collections"`
}

// Conversation is a thread of direct posts.
type Conversation struct {
	ID         string     `json:"id"`
	Unread     bool       `json:"unread"`
	Accounts   []*Account `json:"accounts"`
	LastStatus *Status    `json:"last_status"`
}

// AsyncRefresh is work that goes on while an app waits for its results, which it counts if there are several.
type AsyncRefresh struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	ResultCount *int64 `json:"result_count"`
}

// FeaturedTag is a hashtag on a profile; the count is a number in text.
type FeaturedTag struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	URL           string  `json:"url"`
	StatusesCount string  `json:"statuses_count"`
	LastStatusAt  *string `json:"last_status_at"`
}

// FeaturedTags renders the hashtags on a profile. They lead to the profile's own page for the hashtag.
func (r *Renderer) FeaturedTags(of *accounts.Account, list []statuses.FeaturedTag) []FeaturedTag {
	out := make([]FeaturedTag, len(list))
	for i, f := range list {
		out[i] = FeaturedTag{ID: ids.Format(f.ID), Name: f.DisplayName, URL: r.Site.TaggedURL(of.Acct(), f.Name), StatusesCount: ids.Format(f.Posts), LastStatusAt: date(f.LastAt)}
	}
	return out
}
