package statuses

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
)

// Viewer is what the one who looks did with a post.
type Viewer struct {
	Favourited, Reblogged, Bookmarked, Muted, Pinned bool
	// Follows and FollowedBy are about viewer and author, and are told only where the post's QuotePolicy asks for them.
	Follows, FollowedBy bool
}

// viewerTies are the columns Follows and FollowedBy, for the viewer in $1. The table statuses goes by s.
var viewerTies = fmt.Sprintf(`,
  (s.quote_approval_policy & %d) <> 0 AND EXISTS (SELECT 1 FROM follows x WHERE x.account_id = $1 AND x.target_account_id = s.account_id),
  (s.quote_approval_policy & %d) <> 0 AND EXISTS (SELECT 1 FROM follows x WHERE x.account_id = s.account_id AND x.target_account_id = $1)`,
	QuotePolicyOf(MayFollowers, MayFollowers), QuotePolicyOf(MayFollowing, MayFollowing))

// App is the application that a post was written with.
type App struct{ Name, Website string }

// Parts is a list of posts with all that is needed to show it, loaded at once. Boosted posts are in Statuses too.
type Parts struct {
	Statuses map[ID]*Status
	Accounts map[accounts.ID]*accounts.Account
	Mentions map[ID][]Mention
	Tags     map[ID][]Tag
	Media    map[ID][]media.Attachment
	Polls    map[int64]*Poll
	Viewer   map[ID]Viewer
	Apps     map[int64]App
	// Quotes is what of a post's quote the viewer is shown; the quoted posts are in Statuses too, and theirs in Quotes.
	Quotes map[ID]*Quote
}

// Load reads posts for a viewer (0 for anybody) with everything they are shown with, in a bounded number of statements that
// does not grow with the list. Posts that viewer may not see, and boosts of such posts, are absent. Quoted posts come along.
func (s *Service) Load(ctx context.Context, q db.Q, viewer accounts.ID, list []ID) (*Parts, error) {
	return s.load(ctx, q, viewer, list, true)
}

// Shown gives public posts of ours for those who have them mailed, in the order asked for; those that are gone are absent.
func (s *Service) Shown(ctx context.Context, q db.Q, list []ID) ([]*Status, error) {
	p := &Parts{Statuses: map[ID]*Status{}, Viewer: map[ID]Viewer{}, Apps: map[int64]App{}}
	if err := s.loadStatuses(ctx, q, 0, list, p); err != nil {
		return nil, err
	}
	out := make([]*Status, 0, len(list))
	for _, id := range list {
		if st := p.Statuses[id]; st != nil {
			out = append(out, st)
		}
	}
	return out, nil
}

// LoadAlone is Load without the quoted posts, and without what of the quotes is shown.
func (s *Service) LoadAlone(ctx context.Context, q db.Q, viewer accounts.ID, list []ID) (*Parts, error) {
	return s.load(ctx, q, viewer, list, false)
}

func (s *Service) load(ctx context.Context, q db.Q, viewer accounts.ID, list []ID, quoted bool) (*Parts, error) {
	p := &Parts{Statuses: map[ID]*Status{}, Viewer: map[ID]Viewer{}, Apps: map[int64]App{}, Quotes: map[ID]*Quote{}}
	if len(list) == 0 {
		return p, nil
	}
	if err := s.loadStatuses(ctx, q, viewer, list, p); err != nil {
		return nil, err
	}
	if quoted {
		if err := s.loadQuotes(ctx, q, viewer, p); err != nil {
			return nil, err
		}
	}
	return p, s.loadParts(ctx, q, viewer, p)
}

// loadQuotes adds what the posts quote, and what those quote in turn; nothing where nothing quotes.
func (s *Service) loadQuotes(ctx context.Context, q db.Q, viewer accounts.ID, p *Parts) error {
	for range 2 {
		var quoting, quoted []ID
		for id, st := range p.Statuses {
			if st.Quotes() && p.Quotes[id] == nil {
				quoting = append(quoting, id)
			}
		}
		found, err := s.QuotesShown(ctx, q, viewer, quoting)
		if err != nil {
			return err
		}
		first := len(p.Quotes) == 0
		for id, u := range found {
			p.Quotes[id] = u
			if first && u.State.Shows() && p.Statuses[u.QuotedStatusID] == nil {
				quoted = append(quoted, u.QuotedStatusID)
			}
		}
		if len(quoted) == 0 {
			return nil
		}
		if err := s.loadStatuses(ctx, q, viewer, quoted, p); err != nil {
			return err
		}
	}
	return nil
}

// viewerFlags are the columns of a Viewer, for the viewer in $1. The table statuses goes by s.
func viewerFlags(viewer accounts.ID) string {
	if viewer == 0 {
		return ", FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE"
	}
	return `, EXISTS (SELECT 1 FROM favourites x WHERE x.status_id = s.id AND x.account_id = $1),
  EXISTS (SELECT 1 FROM statuses x WHERE x.reblog_of_id = s.id AND x.account_id = $1 AND x.reblog_of_id <> 0 AND x.deleted_at = 0),
  EXISTS (SELECT 1 FROM bookmarks x WHERE x.status_id = s.id AND x.account_id = $1),
  EXISTS (SELECT 1 FROM conversation_mutes x WHERE x.account_id = $1 AND x.conversation_id = s.conversation_id),
  s.account_id = $1 AND EXISTS (SELECT 1 FROM status_pins x WHERE x.account_id = $1 AND x.status_id = s.id)` + viewerTies
}

func (s *Service) loadStatuses(ctx context.Context, q db.Q, viewer accounts.ID, list []ID, p *Parts) error {
	rows, err := q.Query(ctx, "SELECT "+columns+viewerFlags(viewer)+`, COALESCE(o.name, ''), COALESCE(o.website, '')
FROM statuses s JOIN accounts a ON a.id = s.account_id LEFT JOIN oauth_applications o ON o.id = s.application_id
WHERE s.id IN (SELECT x.id FROM statuses x WHERE x.id = ANY($2) UNION SELECT x.reblog_of_id FROM statuses x WHERE x.id = ANY($2)) AND `+visible("$1"), viewer, db.Array(list))
	if err != nil {
		return fmt.Errorf("loading statuses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var st Status
		var v Viewer
		var app App
		dest, fill := st.into()
		if err := rows.Scan(append(dest, &v.Favourited, &v.Reblogged, &v.Bookmarked, &v.Muted, &v.Pinned, &v.Follows, &v.FollowedBy, &app.Name, &app.Website)...); err != nil {
			return err
		}
		if app.Name != "" {
			p.Apps[st.ApplicationID] = app
		}
		if err := fill(); err != nil {
			return err
		}
		p.Statuses[st.ID], p.Viewer[st.ID] = &st, v
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("loading statuses: %w", err)
	}
	for id, st := range p.Statuses {
		if st.Reblog() && p.Statuses[st.ReblogOfID] == nil {
			delete(p.Statuses, id)
		}
	}
	return nil
}

func (s *Service) loadParts(ctx context.Context, q db.Q, viewer accounts.ID, p *Parts) (err error) {
	var polls []int64
	people := map[accounts.ID]bool{}
	for _, st := range p.Statuses {
		people[st.AccountID] = true
		if st.PollID != 0 {
			polls = append(polls, st.PollID)
		}
	}
	authors := make([]accounts.ID, 0, len(people))
	for id := range people {
		authors = append(authors, id)
	}
	if p.Accounts, err = s.Accounts.ByIDs(ctx, q, authors); err != nil {
		return err
	}
	if p.Polls, err = s.Polls(ctx, q, viewer, polls); err != nil {
		return err
	}
	return s.loadShown(ctx, q, p)
}

// loadShown loads what everybody is shown alike: mentions, hashtags, attachments.
func (s *Service) loadShown(ctx context.Context, q db.Q, p *Parts) (err error) {
	var withMedia, withMentions, withTags []ID
	for id, st := range p.Statuses {
		if st.parts&hasMedia != 0 {
			withMedia = append(withMedia, id)
		}
		if st.parts&hasMentions != 0 {
			withMentions = append(withMentions, id)
		}
		if st.parts&hasTags != 0 {
			withTags = append(withTags, id)
		}
	}
	if p.Mentions, err = s.MentionsOf(ctx, q, withMentions); err != nil {
		return err
	}
	if p.Tags, err = s.TagsOf(ctx, q, withTags); err != nil {
		return err
	}
	p.Media, err = s.mediaOf(ctx, q, withMedia)
	return err
}

func (s *Service) mediaOf(ctx context.Context, q db.Q, list []ID) (map[ID][]media.Attachment, error) {
	out := map[ID][]media.Attachment{}
	raw := make([]int64, len(list))
	for i, id := range list {
		raw[i] = int64(id)
	}
	found, err := s.Media.OfStatuses(ctx, q, raw)
	for id, m := range found {
		out[ID(id)] = m
	}
	return out, err
}
