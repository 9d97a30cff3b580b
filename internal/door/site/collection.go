package site

import (
	"context"
	"io"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
)

// collection shows a collection of somebody here, with those who agreed to be in it.
func (s *Server) collection(ctx context.Context, v *visit) error {
	c, err := s.Collections.ByID(ctx, s.DB, collections.ID(pathID(v)))
	if err != nil {
		return err
	}
	if !c.Local {
		return errs.NotFound()
	}
	items, err := s.Collections.Items(ctx, s.DB, 0, []*collections.Collection{c})
	if err != nil {
		return err
	}
	list := []accounts.ID{c.AccountID}
	for _, i := range items[c.ID] {
		list = append(list, i.AccountID)
	}
	found, err := s.Accounts.ByIDs(ctx, s.DB, list)
	if err != nil {
		return err
	}
	p := view.Collection{Name: c.Name, Description: c.Description, Lang: c.Language, Tag: c.Tag, Sensitive: c.Sensitive, URL: c.URL, ActivityURL: c.URI, Hidden: !c.Discoverable}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	if c.Tag != "" {
		p.TagURL = s.Site.TagURL(c.Tag)
	}
	p.Owner = s.showAccount(found[c.AccountID])
	for _, id := range list[1:] {
		if a := found[id]; a != nil {
			p.Members = append(p.Members, s.showAccount(a))
		}
	}
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Collection(w, p) })
}
