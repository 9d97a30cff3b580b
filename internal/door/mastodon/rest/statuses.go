package rest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

func (a *API) showOneStatus(w http.ResponseWriter, r *api.Request) error {
	return a.showStatus(w, r, statuses.ID(r.ID("id")))
}

// visible is the post that a path names, if the viewer may see it.
func (a *API) visible(r *api.Request) (*statuses.Status, error) {
	return a.Statuses.ByID(r.Context(), a.DB, r.Viewer(), statuses.ID(r.ID("id")))
}

func (a *API) statusesByID(w http.ResponseWriter, r *api.Request) error {
	list := r.Params.IDs("id")
	if len(list) > maxStatusesAtOnce {
		return errs.Invalid("Validation failed: More than %d posts", maxStatusesAtOnce)
	}
	order := make([]statuses.ID, len(list))
	for i, id := range list {
		order[i] = statuses.ID(id)
	}
	return a.posts(w, r, order)
}

func (a *API) postStatus(w http.ResponseWriter, r *api.Request) error {
	d, err := a.draft(r)
	if err != nil {
		return err
	}
	d.IdempotencyKey = r.Header.Get("Idempotency-Key")
	d.ApplicationID = int64(r.Token.AppID)
	at, err := a.scheduledAt(r.Params)
	if err != nil {
		return err
	}
	if !at.IsZero() {
		return a.schedule(w, r, d, at)
	}
	st, err := a.Statuses.Post(r.Context(), r.Account, d)
	var unexpected *statuses.UnexpectedMentions
	if errors.As(err, &unexpected) {
		return a.answerUnexpected(w, r, unexpected)
	}
	if err != nil {
		return err
	}
	a.Feeds.Own(r.Context(), st)
	return a.showStatus(w, r, st.ID)
}

// answerUnexpected tells whom a post would have reached that its author did not name.
func (a *API) answerUnexpected(w http.ResponseWriter, r *api.Request, u *statuses.UnexpectedMentions) error {
	list, err := a.Render.Known(r.Context(), a.DB, u.Accounts)
	if err != nil {
		return err
	}
	return httpio.JSON(w, http.StatusUnprocessableEntity, struct {
		Error    string            `json:"error"`
		Accounts []*entity.Account `json:"unexpected_accounts"`
	}{u.Error(), list})
}

// draft reads a new post. What is not said comes from the person's preferences.
func (a *API) draft(r *api.Request) (statuses.Draft, error) {
	p := r.Params
	d, err := a.content(r)
	if err != nil {
		return d, err
	}
	if err := readQuote(r, &d); err != nil {
		return d, err
	}
	prefs := r.User.Settings
	if p.Flag("sensitive") == nil {
		d.Sensitive = prefs.Sensitive
	}
	name := p.String("visibility")
	if name == "" {
		name = prefs.DefaultVisibility(r.Account.Locked)
	}
	visibility, known := statuses.ParseVisibility(name)
	if !known {
		return d, errs.Invalid("Validation failed: Visibility is not included in the list")
	}
	d.Visibility = visibility
	d.Language = firstLanguage(p.String("language"), prefs.Language, r.User.Locale, "en")
	if p.Given("in_reply_to_id") {
		if d.InReplyToID = statuses.ID(p.ID("in_reply_to_id")); d.InReplyToID == 0 {
			return d, errs.New(errs.NotFoundKind, "The post you are trying to reply to does not appear to exist.")
		}
	}
	if p.Has("allowed_mentions") {
		d.AllowedMentions = accountIDs(p.IDs("allowed_mentions"))
	}
	return d, nil
}

// content reads what a new post and an edited one have alike.
func (a *API) content(r *api.Request) (statuses.Draft, error) {
	p := r.Params
	d := statuses.Draft{Text: p.String("status"), SpoilerText: p.String("spoiler_text"), Sensitive: p.Bool("sensitive", false), MediaIDs: p.IDs("media_ids")}
	if len(d.MediaIDs) != len(p.List("media_ids")) {
		return d, errs.NotFound()
	}
	poll := p.Map("poll")
	if p.Given("poll") && !poll.Has("options") {
		return d, errs.Invalid("Validation failed: Options can't be blank")
	}
	if options := poll.List("options"); len(options) > 0 {
		d.Poll = &statuses.PollDraft{Options: options, Multiple: poll.Bool("multiple", false), HideTotals: poll.Bool("hide_totals", false),
			ExpiresIn: seconds(poll.Int("expires_in", 0))}
	}
	return d, nil
}

// maxSeconds keeps a number of seconds from overflowing; every limit is far below.
const maxSeconds = 1 << 31

func seconds(n int) time.Duration { return time.Duration(max(min(n, maxSeconds), 0)) * time.Second }

// firstLanguage is the first of some codes that is one.
func firstLanguage(codes ...string) string {
	for _, c := range codes {
		if c != "" && text.ValidLanguage(c) {
			return c
		}
	}
	return ""
}

func (a *API) editStatus(w http.ResponseWriter, r *api.Request) error {
	id := statuses.ID(r.ID("id"))
	st, err := a.own(r, id)
	if err != nil {
		return err
	}
	d, err := a.content(r)
	if err != nil {
		return err
	}
	if !r.Params.Has("status") {
		d.Text = st.Text
	}
	d.Language = firstLanguage(r.Params.String("language"))
	changes, err := mediaChanges(r.Params)
	if err != nil {
		return err
	}
	for at, c := range changes {
		_, err := a.Media.Describe(r.Context(), r.Viewer(), int64(id), at, c)
		if errs.IsNotFound(err) { // not attached yet: it is with this edit
			_, err = a.Media.Describe(r.Context(), r.Viewer(), 0, at, c)
		}
		if err != nil {
			return err
		}
	}
	d.MediaDescribed = len(changes) > 0
	if _, err := a.Statuses.Edit(r.Context(), r.Account, id, d); err != nil {
		return err
	}
	if r.Params.Given("quote_approval_policy") {
		return a.setInteractionPolicy(w, r)
	}
	return a.showStatus(w, r, id)
}

// mediaChanges reads new descriptions of attachments, by id.
func mediaChanges(p *httpio.Params) (map[int64]media.Change, error) {
	out := map[int64]media.Change{}
	for _, m := range p.Maps("media_attributes") {
		c, err := mediaChange(m)
		if err != nil {
			return nil, err
		}
		if len(out) < media.MaxAttachments {
			out[m.ID("id")] = c
		}
	}
	return out, nil
}

// own is one of the person's own posts; another's is not found, and forbidden when it can be seen.
func (a *API) own(r *api.Request, id statuses.ID) (*statuses.Status, error) {
	st, err := a.Statuses.ByID(r.Context(), a.DB, r.Viewer(), id)
	if err == nil && st.AccountID != r.Viewer() {
		return nil, errs.NotFound()
	}
	return st, err
}

// deleteStatus gives the post back as it was typed, for who wants to write it anew.
func (a *API) deleteStatus(w http.ResponseWriter, r *api.Request) error {
	id := statuses.ID(r.ID("id"))
	if _, err := a.own(r, id); err != nil {
		return err
	}
	e, err := a.Render.Status(r.Context(), a.DB, r.Viewer(), id)
	if err != nil {
		return err
	}
	st, err := a.Statuses.Delete(r.Context(), r.Account, id)
	if err != nil {
		return err
	}
	if e == nil {
		return errs.NotFound()
	}
	e.Content, e.Text = nil, &st.Text
	return ok(w, e)
}

func (a *API) statusContext(w http.ResponseWriter, r *api.Request) error {
	st, err := a.visible(r)
	if err != nil {
		return err
	}
	up, down, err := a.Statuses.Context(r.Context(), a.DB, r.Viewer(), st)
	if err != nil {
		return err
	}
	if err := a.fillThread(w, r, st, up); err != nil {
		return err
	}
	if r.Viewer() != 0 && st.Quotes() {
		if err := a.Statuses.RecheckQuote(r.Context(), st.ID); err != nil {
			return err
		}
	}
	ancestors, err := a.Render.List(r.Context(), a.DB, r.Viewer(), up, "")
	if err != nil {
		return err
	}
	descendants, err := a.Render.List(r.Context(), a.DB, r.Viewer(), down, "")
	if err != nil {
		return err
	}
	return raw(w, slices.Concat([]byte(`{"ancestors":`), ancestors, []byte(`,"descendants":`), descendants, []byte("}")))
}

func (a *API) statusHistory(w http.ResponseWriter, r *api.Request) error {
	st, err := a.visible(r)
	if err != nil {
		return err
	}
	versions, err := a.Statuses.Versions(r.Context(), a.DB, st)
	if err != nil {
		return err
	}
	author, err := a.Render.AccountList(r.Context(), a.DB, []accounts.ID{st.AccountID})
	if err != nil {
		return err
	}
	if len(author) == 0 {
		return errs.NotFound()
	}
	var quote any
	if st.Quotes() {
		shown, err := a.Render.Status(r.Context(), a.DB, r.Viewer(), st.ID)
		if err != nil {
			return err
		}
		if shown != nil {
			quote = shown.Quote
		}
	}
	return ok(w, a.Render.Versions(author[0], versions, quote))
}

// statusSource shows what was typed to its author alone (VIS-08).
func (a *API) statusSource(w http.ResponseWriter, r *api.Request) error {
	st, err := a.own(r, statuses.ID(r.ID("id")))
	if err != nil {
		return err
	}
	return ok(w, entity.StatusSource{ID: ids.Format(st.ID), Text: st.Text, SpoilerText: st.SpoilerText})
}

func (a *API) reblog(w http.ResponseWriter, r *api.Request) error {
	visibility := statuses.Public
	if name := r.Params.String("visibility"); name != "" {
		v, known := statuses.ParseVisibility(name)
		if !known || v == statuses.Direct {
			return errs.Invalid("Validation failed: Visibility is not included in the list")
		}
		visibility = v
	}
	st, err := a.Statuses.Reblog(r.Context(), r.Account, statuses.ID(r.ID("id")), visibility, "", time.Time{})
	if err != nil {
		return err
	}
	a.Feeds.Own(r.Context(), st)
	return a.showStatus(w, r, st.ID)
}

// on answers with a post after something was done with it.
func (a *API) on(do func(r *api.Request, id statuses.ID) (*statuses.Status, error)) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		st, err := do(r, statuses.ID(r.ID("id")))
		if err != nil {
			return err
		}
		return a.showStatus(w, r, st.ID)
	}
}

func (a *API) unreblog(r *api.Request, id statuses.ID) (*statuses.Status, error) {
	return a.Statuses.Unreblog(r.Context(), r.Account, id)
}

func (a *API) favourite(r *api.Request, id statuses.ID) (*statuses.Status, error) {
	return a.Statuses.Favourite(r.Context(), r.Account, id, "")
}

func (a *API) unfavourite(r *api.Request, id statuses.ID) (*statuses.Status, error) {
	return a.Statuses.Unfavourite(r.Context(), r.Account, id)
}

func (a *API) bookmark(on bool) func(*api.Request, statuses.ID) (*statuses.Status, error) {
	return func(r *api.Request, id statuses.ID) (*statuses.Status, error) {
		return a.Statuses.Bookmark(r.Context(), r.Account, id, on)
	}
}

func (a *API) pin(on bool) func(*api.Request, statuses.ID) (*statuses.Status, error) {
	return func(r *api.Request, id statuses.ID) (*statuses.Status, error) {
		return a.Statuses.Pin(r.Context(), r.Account, id, on)
	}
}

func (a *API) muteConversation(on bool) func(*api.Request, statuses.ID) (*statuses.Status, error) {
	return func(r *api.Request, id statuses.ID) (*statuses.Status, error) {
		return a.Statuses.MuteConversation(r.Context(), r.Account, id, on)
	}
}

// by answers with who did something with a post.
func (a *API) by(read func(*api.Request, statuses.ID, db.Page) ([]statuses.Entry, error)) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		st, err := a.visible(r)
		if err != nil {
			return err
		}
		p := httpio.Paging(r.Params, 40, 80)
		rows, err := read(r, st.ID, p)
		if err != nil {
			return err
		}
		return a.people(w, r, statusRows(rows), p)
	}
}

func (a *API) rebloggedBy(r *api.Request, id statuses.ID, p db.Page) ([]statuses.Entry, error) {
	return a.Statuses.RebloggedBy(r.Context(), a.DB, r.Viewer(), id, p)
}

func (a *API) favouritedBy(r *api.Request, id statuses.ID, p db.Page) ([]statuses.Entry, error) {
	return a.Statuses.FavouritedBy(r.Context(), a.DB, r.Viewer(), id, p)
}

func (a *API) showPoll(w http.ResponseWriter, r *api.Request) error {
	p, st, err := a.Statuses.PollByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	if err != nil {
		return err
	}
	return ok(w, a.Render.Poll(p, st.Emojis, r.Viewer()))
}

// maxChoices bounds a vote: polls of other servers may have more options than ours.
const maxChoices = 100

func (a *API) vote(w http.ResponseWriter, r *api.Request) error {
	id := r.ID("id")
	_, st, err := a.Statuses.PollByID(r.Context(), a.DB, r.Viewer(), id)
	if err != nil {
		return err
	}
	list := r.Params.List("choices")
	if len(list) == 0 {
		return missing("choices")
	}
	var choices []int
	for _, s := range list {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return errs.Invalid("Validation failed: The chosen vote option does not exist")
		}
		if len(choices) < maxChoices {
			choices = append(choices, n)
		}
	}
	p, err := a.Statuses.Vote(r.Context(), r.Account, id, choices, "")
	if err != nil {
		return err
	}
	return ok(w, a.Render.Poll(p, st.Emojis, r.Viewer()))
}
