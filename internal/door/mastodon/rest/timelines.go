package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

func (a *API) homeTimeline(w http.ResponseWriter, r *api.Request) error {
	page, err := a.Feeds.Home(r.Context(), a.DB, r.Viewer(), httpio.Paging(r.Params, 20, 40))
	if err != nil {
		return err
	}
	return a.timeline(w, r, page)
}

func (a *API) listTimeline(w http.ResponseWriter, r *api.Request) error {
	l, err := a.Relations.ListByID(r.Context(), a.DB, r.Viewer(), r.ID("list_id"))
	if err != nil {
		return err
	}
	page, err := a.Feeds.List(r.Context(), a.DB, r.Viewer(), l.ID, httpio.Paging(r.Params, 20, 40))
	if err != nil {
		return err
	}
	return a.timeline(w, r, page)
}

func publicOptions(p *httpio.Params) statuses.PublicOptions {
	return statuses.PublicOptions{Local: p.Bool("local", false), Remote: p.Bool("remote", false), OnlyMedia: p.Bool("only_media", false)}
}

func (a *API) publicTimeline(w http.ResponseWriter, r *api.Request) error {
	page, err := a.Statuses.Public(r.Context(), a.DB, r.Viewer(), publicOptions(r.Params), httpio.Paging(r.Params, 20, 40))
	if err != nil {
		return err
	}
	return a.timeline(w, r, page, "local", "remote", "only_media")
}

// maxTags is how many further hashtags each of any, all and none names (Mastodon).
const maxTags = 4

func tagNames(in []string) []string {
	var out []string
	for _, name := range in {
		if n := text.NormalizeTag(name); n != "" && len(out) < maxTags {
			out = append(out, n)
		}
	}
	return out
}

func (a *API) tagTimeline(w http.ResponseWriter, r *api.Request) error {
	name := text.NormalizeTag(r.Path("hashtag"))
	page, err := a.Statuses.Tagged(r.Context(), a.DB, r.Viewer(), statuses.TagOptions{
		Any: append(tagNames(r.Params.List("any")), name), All: tagNames(r.Params.List("all")), None: tagNames(r.Params.List("none")),
		PublicOptions: publicOptions(r.Params),
	}, httpio.Paging(r.Params, 20, 40))
	if err != nil {
		return err
	}
	return a.timeline(w, r, page, "local", "only_media")
}

func (a *API) favourites(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 20, 40)
	rows, err := a.Statuses.Favourites(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	return a.entries(w, r, rows, p)
}

func (a *API) bookmarks(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 20, 40)
	rows, err := a.Statuses.Bookmarks(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	return a.entries(w, r, rows, p)
}

func (a *API) showTag(w http.ResponseWriter, r *api.Request) error {
	typed := r.Path("name")
	name := text.NormalizeTag(typed)
	if name == "" || !text.ValidTag(name) {
		return errs.NotFound()
	}
	t, err := a.Statuses.TagNamed(r.Context(), a.DB, name)
	if errs.IsNotFound(err) {
		t, err = statuses.Tag{Name: name, DisplayName: typed}, nil
	}
	if err != nil {
		return err
	}
	list, err := a.tags(r, []statuses.Tag{t})
	if err != nil {
		return err
	}
	return ok(w, list[0])
}

// tags renders hashtags with their use of late.
func (a *API) tags(r *api.Request, in []statuses.Tag) ([]entity.Tag, error) {
	history, err := a.Statuses.TagHistory(r.Context(), a.DB, in, entity.TagDays)
	if err != nil {
		return nil, err
	}
	return a.tagsUsed(r, in, history)
}

// tagsUsed renders hashtags with their use by id and day.
func (a *API) tagsUsed(r *api.Request, in []statuses.Tag, history map[int64]map[int64]statuses.TagUse) ([]entity.Tag, error) {
	ties, err := a.tagTies(r, in)
	if err != nil {
		return nil, err
	}
	out := make([]entity.Tag, 0, len(in))
	for _, t := range in {
		out = append(out, a.Render.Tag(t, history[t.ID], ties(t)))
	}
	return out, nil
}

func noticeOptions(p *httpio.Params) notifications.Options {
	return notifications.Options{Types: p.List("types"), ExcludeTypes: p.List("exclude_types"), From: accounts.ID(p.ID("account_id")),
		IncludeFiltered: p.Bool("include_filtered", false)}
}

func (a *API) notifications(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Notifications.List(r.Context(), a.DB, r.Viewer(), noticeOptions(r.Params), httpio.Paging(r.Params, 40, 80))
	if err != nil {
		return err
	}
	out, err := a.Render.Notifications(r.Context(), a.DB, r.Viewer(), list, r.Params.List("supported_types")...)
	if err != nil {
		return err
	}
	if n := len(list); n > 0 {
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{NextMax: list[n-1].ID, PrevMin: list[0].ID}, "types", "exclude_types", "account_id", "include_filtered", "supported_types")
	}
	return ok(w, out)
}

func (a *API) showNotification(w http.ResponseWriter, r *api.Request) error {
	n, err := a.Notifications.ByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	if err != nil {
		return err
	}
	out, err := a.Render.Notifications(r.Context(), a.DB, r.Viewer(), []*notifications.Notification{n}, r.Params.List("supported_types")...)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		return errs.NotFound()
	}
	return ok(w, out[0])
}

func (a *API) clearNotifications(w http.ResponseWriter, r *api.Request) error {
	if err := a.Notifications.Clear(r.Context(), r.Viewer()); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) dismissNotification(w http.ResponseWriter, r *api.Request) error {
	if _, err := a.Notifications.ByID(r.Context(), a.DB, r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	if err := a.Notifications.Dismiss(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) unreadNotifications(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 100, 1000)
	n, err := a.Notifications.UnreadCount(r.Context(), a.DB, r.Viewer(), noticeOptions(r.Params), p.Limit)
	if err != nil {
		return err
	}
	return answerCount(w, n)
}

// conversations are threads of direct posts; they are paged by their last post.
func (a *API) conversations(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 20, 40)
	list, err := a.Feeds.Conversations(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	out, err := a.renderConversations(r, list)
	if err != nil {
		return err
	}
	linkMin(a, w, r, list, p, func(t feeds.Talk) int64 { return int64(t.LastStatusID) })
	return ok(w, out)
}

func (a *API) renderConversations(r *api.Request, list []feeds.Talk) ([]entity.Conversation, error) {
	var people []accounts.ID
	var last []statuses.ID
	for _, c := range list {
		people, last = append(people, c.Participants...), append(last, c.LastStatusID)
	}
	found, err := a.Render.Accounts(r.Context(), a.DB, people)
	if err != nil {
		return nil, err
	}
	posts, err := a.Render.Statuses(r.Context(), a.DB, r.Viewer(), last, "")
	if err != nil {
		return nil, err
	}
	byID := map[string]*entity.Status{}
	for _, s := range posts {
		byID[s.ID] = s
	}
	out := make([]entity.Conversation, 0, len(list))
	for _, c := range list {
		e := entity.Conversation{ID: ids.Format(c.ID), Unread: c.Unread, Accounts: []*entity.Account{}, LastStatus: byID[ids.Format(c.LastStatusID)]}
		for _, id := range c.Participants {
			if found[id] != nil {
				e.Accounts = append(e.Accounts, found[id])
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (a *API) readConversation(unread bool) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		c, err := a.Feeds.MarkConversation(r.Context(), r.Viewer(), r.ID("id"), unread)
		if err != nil {
			return err
		}
		out, err := a.renderConversations(r, []feeds.Talk{c})
		if err != nil {
			return err
		}
		return ok(w, out[0])
	}
}

func (a *API) deleteConversation(w http.ResponseWriter, r *api.Request) error {
	if err := a.Feeds.DeleteConversation(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}
