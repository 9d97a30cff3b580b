package statuses

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

// previewSpread is over how long the first look at links of other servers' posts is spread (requirement E7): a post reaches
// thousands of servers within seconds, and the site that it links to must not hear of them all at once.
const previewSpread = time.Minute

// LinkPosted says that a post, new or edited, has a link that may have a preview.
type LinkPosted struct {
	StatusID ID
	// URL is the link as it was posted.
	URL string
	// EditedAt names the state of the post, in milliseconds; 0 when it was never edited.
	EditedAt int64
}

// Kind names the event.
func (LinkPosted) Kind() string { return "statuses.link_posted" }

// Host is who is asked; what is wanted of one host shares a lane.
func (e LinkPosted) Host() string { return weburl.Host(e.URL) }

// linked emits LinkPosted where a post has a link of which a preview is shown: at once for posts of this server.
func (s *Service) linked(ctx context.Context, tx *db.Tx, st *Status, mentions []Mention) error {
	if st.parts&(hasMedia|hasQuote) != 0 || st.Reblog() || !strings.Contains(st.Content, "<a ") {
		return nil
	}
	link := s.firstLink(st, mentions)
	if link == "" {
		return nil
	}
	due := s.Clock.Now()
	if !st.Local {
		due = due.Add(rand.N(previewSpread)) //nolint:gosec // no secret
	}
	return s.Jobs.EmitAt(ctx, tx, due, LinkPosted{StatusID: st.ID, URL: link, EditedAt: db.Ms(st.EditedAt)})
}

// firstLink is the first link of a post to a page elsewhere that is no mention, hashtag or quote; "" for none (Mastodon's choice).
func (s *Service) firstLink(st *Status, mentions []Mention) string {
	named := map[string]bool{}
	for _, m := range mentions {
		named[m.URL], named[m.URI] = true, true
	}
	for _, link := range text.Links(st.Content) {
		if weburl.Valid(link) && !named[link] && !s.Site.IsLocalURI(link) {
			return link
		}
	}
	return ""
}

// SetCard marks that a post has a preview. It reports false, and changes nothing, when the post is not as it was any more:
// deleted, or edited after the moment given in milliseconds.
func (s *Service) SetCard(ctx context.Context, tx *db.Tx, id ID, editedAt int64) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE statuses SET parts = parts | $1 WHERE id = $2 AND edited_at = $3 AND deleted_at = 0 AND (parts & $4) = 0", int64(hasCard), id, editedAt, int64(hasMedia|hasQuote))
	if err != nil {
		return false, fmt.Errorf("marking that a post has a preview: %w", err)
	}
	return n > 0, nil
}
