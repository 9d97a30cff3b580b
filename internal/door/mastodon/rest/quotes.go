package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// quotePolicy reads who may quote a post; what is not said comes from the person's preferences.
func quotePolicy(r *api.Request) (statuses.QuotePolicy, error) {
	name := r.Params.String("quote_approval_policy")
	if name == "" {
		name = r.User.Settings.QuotePolicy
	}
	p, known := statuses.ParseQuotePolicy(name)
	if !known {
		return 0, errs.Invalid("Validation failed: Quote approval policy is not included in the list")
	}
	return p, nil
}

// readQuote reads what a new post quotes, and who may quote it.
func readQuote(r *api.Request, d *statuses.Draft) (err error) {
	if d.QuotePolicy, err = quotePolicy(r); err != nil {
		return err
	}
	if r.Params.Given("quoted_status_id") {
		if d.QuotedStatusID = statuses.ID(r.Params.ID("quoted_status_id")); d.QuotedStatusID == 0 {
			return errs.New(errs.NotFoundKind, "The post you are trying to quote does not appear to exist.")
		}
	}
	return nil
}

// setInteractionPolicy says who may quote a post that is there.
func (a *API) setInteractionPolicy(w http.ResponseWriter, r *api.Request) error {
	id := statuses.ID(r.ID("id"))
	if _, err := a.own(r, id); err != nil {
		return err
	}
	p, err := quotePolicy(r)
	if err != nil {
		return err
	}
	if err := a.Statuses.SetQuotePolicy(r.Context(), r.Account, id, p); err != nil {
		return err
	}
	return a.showStatus(w, r, id)
}

// quotes lists the posts that quote a post; they are paged by the quotes.
func (a *API) quotes(w http.ResponseWriter, r *api.Request) error {
	st, err := a.visible(r)
	if err != nil {
		return err
	}
	p := httpio.Paging(r.Params, 20, 40)
	rows, err := a.Statuses.QuotedBy(r.Context(), a.DB, r.Viewer(), st.ID, p)
	if err != nil {
		return err
	}
	page := make([]statuses.ID, len(rows))
	for i, e := range rows {
		page[i] = e.StatusID
	}
	linkSince(a, w, r, rows, p, func(e statuses.Entry) int64 { return e.ID })
	return a.posts(w, r, page)
}

// revokeQuote takes back that one's post may be quoted by another.
func (a *API) revokeQuote(w http.ResponseWriter, r *api.Request) error {
	st, err := a.visible(r)
	if err != nil {
		return err
	}
	quoting := statuses.ID(r.ID("quoting_status_id"))
	if err := a.Statuses.RevokeQuote(r.Context(), r.Viewer(), st, quoting); err != nil {
		return err
	}
	return a.showStatus(w, r, quoting)
}
