package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// Most that one request may name (Mastodon).
const (
	maxAccountsAtOnce = 40
	maxStatusesAtOnce = 20
)

func (a *API) showAccount(w http.ResponseWriter, r *api.Request) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	return a.answerAccount(w, r, acct)
}

func (a *API) answerAccount(w http.ResponseWriter, r *api.Request, acct *accounts.Account) error {
	list, err := a.approved(r, []*accounts.Account{acct})
	if err != nil {
		return err
	}
	return ok(w, list[0])
}

func (a *API) accountsByID(w http.ResponseWriter, r *api.Request) error {
	list := accountIDs(r.Params.IDs("id"))
	if len(list) > maxAccountsAtOnce {
		return errs.Invalid("Validation failed: More than %d accounts", maxAccountsAtOnce)
	}
	out, err := a.Render.AccountList(r.Context(), a.DB, list)
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) lookupAccount(w http.ResponseWriter, r *api.Request) error {
	acct, err := required(r.Params, "acct")
	if err != nil {
		return err
	}
	name, domain, _ := strings.Cut(strings.TrimPrefix(acct, "@"), "@")
	if domain != "" {
		if domain, err = text.NormalizeDomain(domain); err != nil {
			return errs.NotFound()
		}
	}
	found, err := a.Accounts.ByAcct(r.Context(), a.DB, name, domain)
	if err != nil {
		return err
	}
	return a.answerAccount(w, r, found)
}

func (a *API) relationships(w http.ResponseWriter, r *api.Request) error {
	list := accountIDs(r.Params.IDs("id"))
	if !r.Params.Bool("with_suspended", false) {
		found, err := a.Accounts.ByIDs(r.Context(), a.DB, list)
		if err != nil {
			return err
		}
		kept := list[:0]
		for _, id := range list {
			if found[id] != nil && !found[id].Suspended() {
				kept = append(kept, id)
			}
		}
		list = kept
	}
	return a.answerRelationships(w, r, list)
}

func (a *API) answerRelationships(w http.ResponseWriter, r *api.Request, list []accounts.ID) error {
	rs, err := a.Relations.Relationships(r.Context(), a.DB, r.Viewer(), list)
	if err != nil {
		return err
	}
	out := make([]entity.Relationship, 0, len(rs))
	for _, x := range rs {
		out = append(out, entity.NewRelationship(x))
	}
	return ok(w, out)
}

func (a *API) answerRelationship(w http.ResponseWriter, r *api.Request, id accounts.ID) error {
	x, err := a.Relations.Relationship(r.Context(), a.DB, r.Viewer(), id)
	if err != nil {
		return err
	}
	return ok(w, entity.NewRelationship(x))
}

func (a *API) familiarFollowers(w http.ResponseWriter, r *api.Request) error {
	list := accountIDs(r.Params.IDs("id"))
	familiar, err := a.Relations.Familiar(r.Context(), a.DB, r.Viewer(), list)
	if err != nil {
		return err
	}
	var all []accounts.ID
	for _, l := range familiar {
		all = append(all, l...)
	}
	people, err := a.Render.Accounts(r.Context(), a.DB, all)
	if err != nil {
		return err
	}
	out := make([]entity.FamiliarFollowers, 0, len(list))
	for _, id := range list {
		f := entity.FamiliarFollowers{ID: ids.Format(id), Accounts: []*entity.Account{}}
		for _, who := range familiar[id] {
			if people[who] != nil {
				f.Accounts = append(f.Accounts, people[who])
			}
		}
		out = append(out, f)
	}
	return ok(w, out)
}

func (a *API) accountStatuses(w http.ResponseWriter, r *api.Request) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	p := httpio.Paging(r.Params, 20, 40)
	keep := []string{"pinned", "tagged", "only_media", "exclude_replies", "exclude_reblogs"}
	if acct.Suspended() {
		return ok(w, []struct{}{})
	}
	if r.Params.Bool("pinned", false) {
		page, err := a.Statuses.PinnedOf(r.Context(), a.DB, r.Viewer(), acct.ID)
		if err != nil {
			return err
		}
		return a.posts(w, r, page)
	}
	page, err := a.Statuses.OfAccount(r.Context(), a.DB, r.Viewer(), acct.ID, statuses.AccountOptions{
		OnlyMedia: r.Params.Bool("only_media", false), ExcludeReplies: r.Params.Bool("exclude_replies", false),
		ExcludeReblogs: r.Params.Bool("exclude_reblogs", false), ExcludeDirect: r.Params.Bool("exclude_direct", false),
		Tagged: text.NormalizeTag(r.Params.String("tagged")),
	}, p)
	if err != nil {
		return err
	}
	if len(page) < p.Limit {
		return a.lastPage(w, r, page, keep)
	}
	return a.timeline(w, r, page, keep...)
}

// lastPage answers with posts that no older ones follow.
func (a *API) lastPage(w http.ResponseWriter, r *api.Request, page []statuses.ID, keep []string) error {
	if len(page) > 0 {
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{PrevMin: int64(page[0])}, keep...)
	}
	return a.posts(w, r, page)
}

// followers answers with who follows an account, following with whom it follows; those who hide that show it to themselves.
func (a *API) followers(w http.ResponseWriter, r *api.Request) error {
	return a.ties(w, r, func(id accounts.ID, p db.Page) ([]relations.Entry, error) {
		return a.Relations.Followers(r.Context(), a.DB, id, r.Viewer(), p)
	})
}

func (a *API) following(w http.ResponseWriter, r *api.Request) error {
	return a.ties(w, r, func(id accounts.ID, p db.Page) ([]relations.Entry, error) {
		return a.Relations.Following(r.Context(), a.DB, id, r.Viewer(), p)
	})
}

func (a *API) ties(w http.ResponseWriter, r *api.Request, read func(accounts.ID, db.Page) ([]relations.Entry, error)) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	if acct.Suspended() || acct.HideCollections && acct.ID != r.Viewer() {
		return ok(w, []struct{}{})
	}
	if me := r.Viewer(); me != 0 && me != acct.ID {
		x, err := a.Relations.Relationship(r.Context(), a.DB, me, acct.ID)
		if err != nil {
			return err
		}
		if x.BlockedBy {
			return ok(w, []struct{}{})
		}
	}
	p := httpio.Paging(r.Params, 40, 80)
	rows, err := read(acct.ID, p)
	if err != nil {
		return err
	}
	return a.people(w, r, relationRows(rows), p)
}

func (a *API) follow(w http.ResponseWriter, r *api.Request) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	o := relations.FollowOptions{Reblogs: r.Params.Flag("reblogs"), Notify: r.Params.Flag("notify")}
	if r.Params.Has("languages") {
		o.Languages = []string{}
		for _, l := range r.Params.List("languages") {
			if !text.ValidLanguage(l) {
				return errs.Invalid("Validation failed: Languages is invalid")
			}
			o.Languages = append(o.Languages, l)
		}
	}
	if err := a.Relations.Follow(r.Context(), r.Account, acct, o); err != nil {
		return err
	}
	x, err := a.Relations.Relationship(r.Context(), a.DB, r.Viewer(), acct.ID)
	if err != nil {
		return err
	}
	// Another server's yes takes a moment. Where nobody has to decide, it is shown as given, as Mastodon does.
	if x.Requested && !acct.Locked && !r.Account.Silenced() {
		x.Following, x.Requested = true, false
	}
	return ok(w, entity.NewRelationship(x))
}

// act answers with the relationship after something was done to an account.
func (a *API) act(do func(r *api.Request, target *accounts.Account) error) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		acct, err := a.target(r, "id")
		if err != nil {
			return err
		}
		if err := do(r, acct); err != nil {
			return err
		}
		return a.answerRelationship(w, r, acct.ID)
	}
}

func (a *API) unfollow(r *api.Request, target *accounts.Account) error {
	return a.Relations.Unfollow(r.Context(), r.Account, target)
}

func (a *API) block(r *api.Request, target *accounts.Account) error {
	return a.Relations.Block(r.Context(), r.Account, target, "")
}

func (a *API) unblock(r *api.Request, target *accounts.Account) error {
	return a.Relations.Unblock(r.Context(), r.Account, target)
}

// maxMute keeps a duration in seconds from overflowing: a hundred years are for good.
const maxMute = 100 * 365 * 24 * 3600

func (a *API) mute(r *api.Request, target *accounts.Account) error {
	seconds := min(max(r.Params.Int("duration", 0), 0), maxMute)
	return a.Relations.Mute(r.Context(), r.Viewer(), target.ID, relations.MuteOptions{
		Notifications: r.Params.Bool("notifications", true), Duration: time.Duration(seconds) * time.Second})
}

func (a *API) unmute(r *api.Request, target *accounts.Account) error {
	return a.Relations.Unmute(r.Context(), r.Viewer(), target.ID)
}

// maxAccountNote is how many characters a private note has (Mastodon).
const maxAccountNote = 2000

func (a *API) note(r *api.Request, target *accounts.Account) error {
	comment := r.Params.String("comment")
	if len([]rune(comment)) > maxAccountNote {
		return errs.Invalid("Validation failed: Comment is too long (maximum is %d characters)", maxAccountNote)
	}
	return a.Relations.SetNote(r.Context(), r.Viewer(), target.ID, comment)
}

func (a *API) removeFromFollowers(r *api.Request, target *accounts.Account) error {
	return a.Relations.Reject(r.Context(), r.Account, target)
}

func (a *API) accountLists(w http.ResponseWriter, r *api.Request) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	list, err := a.Relations.ListsWith(r.Context(), a.DB, r.Viewer(), acct.ID)
	if err != nil {
		return err
	}
	return ok(w, entity.NewLists(list))
}

func (a *API) blocks(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	rows, err := a.Relations.Blocks(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	return a.people(w, r, relationRows(rows), p)
}

func (a *API) mutes(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	rows, err := a.Relations.Mutes(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	order := make([]accounts.ID, len(rows))
	for i, e := range rows {
		order[i] = e.AccountID
	}
	people, err := a.Render.Accounts(r.Context(), a.DB, order)
	if err != nil {
		return err
	}
	out := make([]entity.MutedAccount, 0, len(rows))
	for _, e := range rows {
		if acct := people[e.AccountID]; acct != nil {
			m := entity.MutedAccount{Account: acct}
			if !e.ExpiresAt.IsZero() {
				m.MuteExpiresAt = new(entity.Stamp(e.ExpiresAt))
			}
			out = append(out, m)
		}
	}
	linkSince(a, w, r, rows, p, func(e relations.Entry) int64 { return e.ID })
	return ok(w, out)
}

func (a *API) followRequests(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	rows, err := a.Relations.FollowRequests(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	return a.people(w, r, relationRows(rows), p)
}

func (a *API) authorizeFollow(r *api.Request, by *accounts.Account) error {
	return a.Relations.Authorize(r.Context(), r.Account, by)
}

func (a *API) rejectFollow(r *api.Request, by *accounts.Account) error {
	return a.Relations.Reject(r.Context(), r.Account, by)
}

// domainOf is the domain that a request is about.
func domainOf(r *api.Request) (string, error) {
	s, err := required(r.Params, "domain")
	if err != nil {
		return "", err
	}
	domain, err := text.NormalizeDomain(s)
	if err != nil {
		return "", errs.Invalid("Validation failed: Domain is not a valid domain name")
	}
	return domain, nil
}

func (a *API) domainBlocks(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 100, 200)
	list, err := a.Relations.DomainBlocks(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	out, rows := make([]string, len(list)), make([]row, len(list))
	for i, d := range list {
		out[i], rows[i] = d.Domain, row{id: d.ID}
	}
	linkSince(a, w, r, rows, p, row.cursor)
	return ok(w, out)
}

func (a *API) blockDomain(w http.ResponseWriter, r *api.Request) error {
	domain, err := domainOf(r)
	if err != nil {
		return err
	}
	if err := a.Relations.BlockDomain(r.Context(), r.Account, domain); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) unblockDomain(w http.ResponseWriter, r *api.Request) error {
	domain, err := domainOf(r)
	if err != nil {
		return err
	}
	if err := a.Relations.UnblockDomain(r.Context(), r.Viewer(), domain); err != nil {
		return err
	}
	return empty(w)
}
