package site

import (
	"context"
	"crypto/subtle"
	"io"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
)

// report shows somebody's report of a year to those who have its address, which has a key in it.
func (s *Server) report(ctx context.Context, v *visit) error {
	a, err := s.local(ctx, chi.URLParam(v.r, "name"))
	if err != nil {
		return err
	}
	year, err := strconv.Atoi(chi.URLParam(v.r, "year"))
	if err != nil || s.Annual == nil || a.Suspended() {
		return errs.NotFound()
	}
	r, err := s.Annual.Of(ctx, s.DB, a.ID, year)
	if err != nil {
		return err
	}
	if r.ShareKey == "" || subtle.ConstantTimeCompare([]byte(r.ShareKey), []byte(chi.URLParam(v.r, "key"))) == 0 {
		return errs.NotFound()
	}
	p := view.Report{Account: s.showAccount(a), Year: year, Archetype: r.Data.Archetype, Statuses: r.Data.Statuses, Followers: r.Data.Followers,
		Hashtag: r.Data.Hashtag, HashtagUses: r.Data.HashtagUses, URL: s.Site.URL(v.r.URL.Path)}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	if r.Data.MostReblogged != 0 {
		if p.Posts, err = s.posts(ctx, []statuses.ID{r.Data.MostReblogged}); err != nil {
			return err
		}
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Report(w, p) })
}
