package feeds

import (
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
)

// post is what of a post decides who sees it.
type post struct {
	id         statuses.ID
	author     accounts.ID
	visibility statuses.Visibility
	language   string
	edited     int64 // milliseconds, for messages
	parts      int64 // as statuses.PartMedia and the others; of the boosted post for a boost
	// domain is the author's; silenced says that the author is hidden from those who do not follow.
	domain   string
	silenced bool
	// answers says that it answers a post, even one that is gone by now; replyTo is whose, 0 while that is not known.
	answers bool
	replyTo accounts.ID
	// original is the boosted post.
	original       statuses.ID
	originalAuthor accounts.ID
	originalDomain string
	// tags are the hashtags of a post, where they matter.
	tags  []int64
	names []string
	// named are mentioned in it, or in the boosted post; addressed may see it although it is direct.
	named, addressed []accounts.ID
}

func (p *post) boost() bool { return p.original != 0 }

// tagged reports whether those who follow its hashtags may be shown a post.
func (p *post) tagged() bool {
	return p.visibility == statuses.Public && !p.boost() && !p.silenced && p.parts&statuses.PartTags != 0
}

// shownDomain is whose domain block hides it: the author's, for a boost that of the boosted.
func (p *post) shownDomain() string {
	if p.boost() {
		return p.originalDomain
	}
	return p.domain
}

// people are all whom a block or a mute may be about.
func (p *post) people() []accounts.ID {
	out := append([]accounts.ID{p.author}, p.named...)
	if p.boost() {
		out = append(out, p.originalAuthor)
	}
	return out
}

// follow is how an account follows another.
type follow struct {
	boosts    bool
	languages []string
}

// viewer is what of a person decides what it sees. Where a post is pushed, only what concerns that post is in it.
type viewer struct {
	id      accounts.ID
	follows map[accounts.ID]follow
	// hidden are blocked or muted by the person; blockedBy block it.
	hidden, blockedBy map[accounts.ID]bool
	domains           map[string]bool
	// tags are hashtags that the person follows.
	tags map[int64]bool
	// exclusive are on a list whose posts stay away from home.
	exclusive map[accounts.ID]bool
}

// list is what of a list decides what is on it.
type list struct {
	id      int64
	policy  string
	members map[accounts.ID]bool
}

// home reports whether a post is on a person's home feed: Mastodon's FeedManager, restated.
func (v *viewer) home(p *post) bool {
	if p.author == v.id || v.byTag(p) {
		return true
	}
	if v.exclusive[p.author] || !v.wants(p) {
		return false
	}
	return !p.answers || p.replyTo == v.id || p.replyTo == p.author || v.followed(p.replyTo)
}

// byTag reports whether a post is on the home feed for its hashtags' sake (Mastodon): public posts of people who are not hidden in any way.
func (v *viewer) byTag(p *post) bool {
	if !p.tagged() || !slices.ContainsFunc(p.tags, func(id int64) bool { return v.tags[id] }) {
		return false
	}
	return !v.blockedBy[p.author] && !v.hidden[p.author] && !slices.ContainsFunc(p.named, func(id accounts.ID) bool { return v.hidden[id] }) && (p.domain == "" || !v.domains[p.domain])
}

// list reports whether a post of a member is on a list.
func (v *viewer) list(l *list, p *post) bool {
	if !l.members[p.author] || p.visibility == statuses.Direct {
		return false
	}
	if p.author != v.id && !v.wants(p) {
		return false
	}
	if !p.answers || p.replyTo == v.id || p.replyTo == p.author {
		return true
	}
	switch l.policy {
	case "followed":
		return p.author == v.id || v.followed(p.replyTo)
	case "list":
		return l.members[p.replyTo]
	}
	return false
}

func (v *viewer) followed(id accounts.ID) bool {
	_, ok := v.follows[id]
	return ok
}

// wants is what home and lists have in common, for posts of others.
func (v *viewer) wants(p *post) bool {
	f, followed := v.follows[p.author]
	if !followed || v.blockedBy[p.author] || (p.answers && p.replyTo == 0) {
		return false
	}
	if p.visibility == statuses.Direct && !slices.Contains(p.addressed, v.id) {
		return false
	}
	if v.hidden[p.author] || slices.ContainsFunc(p.named, func(id accounts.ID) bool { return v.hidden[id] }) {
		return false
	}
	if p.boost() {
		return f.boosts && !v.hidden[p.originalAuthor] && !v.blockedBy[p.originalAuthor] && (p.originalDomain == "" || !v.domains[p.originalDomain])
	}
	return len(f.languages) == 0 || p.language == "" || slices.Contains(f.languages, p.language)
}
