package statuses

import "github.com/gomph/gomph/internal/domain/accounts"

// QuotePolicy says who may quote a post, as Mastodon stores it: the upper 16 bits for those who may at once, the lower ones for
// those whom the author is asked about.
type QuotePolicy int64

// The bits of each half of a QuotePolicy.
const (
	// MayUnknown is somebody whom we cannot tell: a policy of another server in words that we do not know.
	MayUnknown QuotePolicy = 1 << iota
	MayEverybody
	MayFollowers
	MayFollowing
	// MayAuthor says in so many words that nobody but the author may.
	MayAuthor
)

// atOnce moves bits to the half of those who need not wait.
const atOnce = 16

// The policies that people here choose among, and what the API calls them.
const (
	QuotableByAll       = MayEverybody << atOnce
	QuotableByFollowers = MayFollowers << atOnce
	QuotableByNobody    = QuotePolicy(0)
)

// ParseQuotePolicy reads the API's name: public, followers or nobody.
func ParseQuotePolicy(name string) (QuotePolicy, bool) {
	p, ok := map[string]QuotePolicy{"public": QuotableByAll, "followers": QuotableByFollowers, "nobody": QuotableByNobody}[name]
	return p, ok
}

// QuotePolicyOf is the policy with these bits in the two halves.
func QuotePolicyOf(automatic, manual QuotePolicy) QuotePolicy { return automatic<<atOnce | manual }

// Name is what ParseQuotePolicy reads; of a policy of another server the nearest.
func (p QuotePolicy) Name() string {
	switch automatic := p.Automatic(); {
	case automatic&MayEverybody != 0:
		return "public"
	case automatic&MayFollowers != 0:
		return "followers"
	}
	return "nobody"
}

// Automatic are the bits of those who may at once, Manual of those whom the author is asked about.
func (p QuotePolicy) Automatic() QuotePolicy { return p >> atOnce }

// Manual are the bits of those about whom the author is asked.
func (p QuotePolicy) Manual() QuotePolicy { return p & (1<<atOnce - 1) }

// Keys are the API's names of the bits of one half.
func (p QuotePolicy) Keys() []string {
	out := []string{}
	for i, name := range []string{"unsupported_policy", "public", "followers", "following"} {
		if p&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// covers reports whether one half is about somebody: who follows the author, or whom the author follows.
func (p QuotePolicy) covers(v Viewer) bool {
	return p&MayEverybody != 0 || p&MayFollowers != 0 && v.Follows || p&MayFollowing != 0 && v.FollowedBy
}

// Answers of Status.QuotableBy, as the API names them.
const (
	QuoteAutomatic = "automatic"
	QuoteManual    = "manual"
	QuoteUnknown   = "unknown"
	QuoteDenied    = "denied"
)

// QuotableBy says what becomes of a quote by a viewer who may see the post. Whether viewer and author follow each other need only
// be told where the policy asks for it.
func (s *Status) QuotableBy(viewer accounts.ID, v Viewer) string {
	return quotableBy(s.AccountID == viewer, viewer != 0 && !s.Reblog(), s.Visibility, s.QuotePolicy, v)
}

// QuotableBy is Status.QuotableBy for a post that was glanced at.
func (g *Glance) QuotableBy(viewer accounts.ID) string {
	return quotableBy(g.AccountID == viewer, viewer != 0 && g.ReblogOfID == 0, g.Visibility, g.QuotePolicy, g.Viewer)
}

func quotableBy(own, may bool, visibility Visibility, p QuotePolicy, v Viewer) string {
	switch {
	case !may || visibility == Direct:
		return QuoteDenied
	case own:
		return QuoteAutomatic
	case visibility > Unlisted:
		return QuoteDenied
	case p.Automatic().covers(v):
		return QuoteAutomatic
	case p.Manual().covers(v):
		return QuoteManual
	case (p.Automatic()|p.Manual())&MayUnknown != 0:
		return QuoteUnknown
	}
	return QuoteDenied
}
