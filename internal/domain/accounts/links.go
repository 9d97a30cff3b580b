package accounts

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

// Link is the page that a line of a profile is about, "" for none: of our own people what they wrote, of others' the only link of it (Mastodon).
func (f Field) Link(local bool) string {
	link := strings.TrimSpace(f.Value)
	if !local {
		list := text.Links(f.Value)
		if len(list) != 1 || strings.ContainsAny(strings.TrimSpace(text.Plain(f.Value)), " \n") {
			return ""
		}
		link = list[0]
	}
	if !weburl.Valid(link) || strings.Contains(link, "@") && !strings.Contains(link, "/@") {
		return ""
	}
	return link
}

// LinksGiven says that a profile has links of which nobody knows yet whether they lead back to it.
type LinksGiven struct{ AccountID ID }

// Kind names the event.
func (LinksGiven) Kind() string { return "accounts.links_given" }

// Key is what the event is unique by.
func (e LinksGiven) Key() string { return strconv.FormatInt(int64(e.AccountID), 10) }

// verifySpread is within what time after they were met the links of people elsewhere are looked at, so that nobody's pages are asked by all
// servers at once (Mastodon: ten minutes).
const verifySpread = 10 * time.Minute

// unverified reports whether there is a link that was not found to lead back.
func unverified(fields []Field, local bool) bool {
	for _, f := range fields {
		if f.VerifiedAt.IsZero() && f.Link(local) != "" {
			return true
		}
	}
	return false
}

// keepVerified gives fields what was found out about those whose value did not change.
func keepVerified(fields, old []Field) {
	for i := range fields {
		fields[i].VerifiedAt = time.Time{}
		for _, o := range old {
			if o.Value == fields[i].Value {
				fields[i].VerifiedAt = o.VerifiedAt
			}
		}
	}
}

// SetVerified enters that some links of a profile were found to lead back to it. Lines that are others by now stay as they are.
func (s *Service) SetVerified(ctx context.Context, id ID, links []string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := s.one(ctx, tx, "a.id = $1"+tx.ForUpdate(), id)
		if err != nil {
			return err
		}
		now, changed := s.Clock.Now(), false
		for i, f := range a.Fields {
			for _, link := range links {
				if f.VerifiedAt.IsZero() && f.Link(a.Local()) == link {
					a.Fields[i].VerifiedAt, changed = now, true
				}
			}
		}
		if !changed {
			return nil
		}
		return tx.Do(ctx, "entering verified links", "UPDATE accounts SET fields = $1, updated_at = $2 WHERE id = $3", list(a.Fields), db.Ms(now), id)
	})
}
