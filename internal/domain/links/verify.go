package links

import (
	"context"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/preview"
)

// maxVerified is how many links of a profile are looked at (Mastodon shows four lines of its own people, and others send more).
const maxVerified = 4

// Verify looks whether the pages that a profile links to lead back to it, and marks the lines that do (IDN-08).
func (s *Service) Verify(ctx context.Context, e accounts.LinksGiven) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if errs.IsNotFound(err) || err == nil && a.Suspended() {
		return nil
	}
	if err != nil {
		return err
	}
	rules, err := s.Instances.AllRules(ctx, s.DB)
	if err != nil {
		return err
	}
	var found []string
	looked := 0
	for _, f := range a.Fields {
		link := f.Link(a.Local())
		if link == "" || !f.VerifiedAt.IsZero() || looked == maxVerified || s.Site.IsLocalURI(link) || rules.Of(weburl.Host(link)).Severity == instances.Suspend {
			continue
		}
		looked++
		back, err := s.leadsBack(ctx, link, a)
		if err != nil {
			return err
		}
		if back {
			found = append(found, link)
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := s.Accounts.SetVerified(ctx, a.ID, found); !errs.IsNotFound(err) {
		return err
	}
	return nil
}

// leadsBack reports whether a page has a link to an account's profile that says it is of the same person. A page that cannot be had does not, nor
// does one of another host that it leads to, nor one that anybody on the way may have changed.
func (s *Service) leadsBack(ctx context.Context, link string, a *accounts.Account) (bool, error) {
	res, err := s.Fetch.Do(ctx, fetch.Request{URL: s.secure(link), MaxBody: maxPage, Cut: true, Timeout: patience, Header: http.Header{"Accept": {"text/html, application/xhtml+xml;q=0.9"}}})
	if err != nil || !isPage(res) {
		return false, given(ctx, err)
	}
	final, err := weburl.Parse(res.URL)
	if err != nil || weburl.Host(res.URL) != weburl.Host(link) || s.Site.HTTPS && final.Scheme != "https" {
		return false, nil
	}
	return preview.LinksBack(res.Body, res.Header.Get("Content-Type"), res.URL, a.URL, a.URI), nil
}
