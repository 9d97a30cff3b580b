package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
	"github.com/gomph/gomph/internal/kit/translate"
)

const (
	// translationAge is how long a translation is kept, languagesAge how long what a service can do (Mastodon: a day, a week).
	translationAge = 24 * time.Hour
	languagesAge   = 7 * 24 * time.Hour
)

func (a *API) translationRoutes() []api.Route {
	return []api.Route{
		{Method: get, Pattern: "/api/v1/instance/translation_languages", Auth: api.None, Shared: shared, About: true, Handler: a.translationLanguages},
		{Method: post, Pattern: "/api/v1/statuses/{id}/translate", Auth: api.User, Scopes: scopes("read:statuses"), Handler: a.translate},
	}
}

// targets says from which language to which others the service translates; nothing without a service.
func (a *API) targets(r *api.Request) (map[string][]string, error) {
	out := map[string][]string{}
	if a.Translator == nil {
		return out, nil
	}
	if kept, ok, err := a.Cache.Get(r.Context(), "translation:languages"); err == nil && ok && json.Unmarshal(kept, &out) == nil {
		return out, nil
	}
	out, err := a.Translator.Languages(r.Context())
	if err != nil {
		return nil, err
	}
	for _, list := range out {
		slices.Sort(list)
	}
	if b, err := json.Marshal(out); err == nil {
		_ = a.Cache.Set(r.Context(), "translation:languages", b, languagesAge) // asked again when it is lost
	}
	return out, nil
}

func (a *API) translationLanguages(w http.ResponseWriter, r *api.Request) error {
	out, err := a.targets(r)
	if err != nil {
		return err
	}
	return ok(w, out)
}

// translate gives a public post in another language. It is translated once a day for all who ask.
func (a *API) translate(w http.ResponseWriter, r *api.Request) error {
	st, err := a.visible(r)
	if err != nil {
		return err
	}
	if a.Translator == nil {
		return errs.NotFound()
	}
	to := firstLanguage(r.Params.String("lang"), r.User.Locale, "en")
	from := st.Language
	if from == "" {
		from = translate.Auto
	}
	languages, err := a.targets(r)
	if err != nil {
		return err
	}
	if !st.Distributable() || st.Reblog() || from == to || !slices.Contains(languages[from], to) {
		return errs.Forbidden()
	}
	src, err := a.translatable(r, st)
	if err != nil {
		return err
	}
	out, err := a.translated(r, src, from, to)
	if err != nil {
		return err
	}
	return ok(w, src.entity(out, to))
}

// source is what of a post is translated.
type source struct {
	post  *statuses.Status
	poll  *statuses.Poll
	media []media.Attachment
}

func (a *API) translatable(r *api.Request, st *statuses.Status) (source, error) {
	parts, err := a.Statuses.Load(r.Context(), a.DB, r.Viewer(), []statuses.ID{st.ID})
	if err != nil {
		return source{}, err
	}
	return source{st, parts.Polls[st.PollID], parts.Media[st.ID]}, nil
}

var (
	shortcodes = regexp.MustCompile(`:[A-Za-z0-9_]+:`)
	kept       = regexp.MustCompile(`<span translate="no">(:[A-Za-z0-9_]+:)</span>`)
)

// texts lists what is translated, as HTML in which nothing but the words changes.
func (s source) texts() []string {
	out := []string{s.post.Content, html.EscapeString(s.post.SpoilerText)}
	if s.poll != nil {
		for _, o := range s.poll.Options {
			out = append(out, html.EscapeString(o))
		}
	}
	for _, m := range s.media {
		out = append(out, html.EscapeString(m.Description))
	}
	for i, t := range out {
		out[i] = shortcodes.ReplaceAllString(t, `<span translate="no">$0</span>`)
	}
	return out
}

// entity puts translated texts in their places. What came back is cleaned like everything from elsewhere.
func (s source) entity(r translate.Result, to string) entity.Translation {
	bare := func(t string) string { return kept.ReplaceAllString(t, "$1") }
	plain := func(t string) string { return html.UnescapeString(bare(t)) }
	e := entity.Translation{Content: text.Sanitize(bare(r.Texts[0])), SpoilerText: plain(r.Texts[1]), Language: to, From: r.From, Provider: r.Provider, Media: []entity.TranslatedMedia{}}
	rest := r.Texts[2:]
	if s.poll != nil {
		e.Poll = &entity.TranslatedPoll{ID: ids.Format(s.poll.ID)}
		for i := range s.poll.Options {
			e.Poll.Options = append(e.Poll.Options, entity.EditedOption{Title: plain(rest[i])})
		}
		rest = rest[len(s.poll.Options):]
	}
	for i, m := range s.media {
		e.Media = append(e.Media, entity.TranslatedMedia{ID: ids.Format(m.ID), Description: plain(rest[i])})
	}
	return e
}

// translated asks the service, unless it was asked of late. Empty texts are not sent.
func (a *API) translated(r *api.Request, src source, from, to string) (translate.Result, error) {
	texts := src.texts()
	sum := sha256.Sum256([]byte(from + "\x00" + to + "\x00" + strings.Join(texts, "\x00")))
	key := "translation:" + hex.EncodeToString(sum[:])
	var out translate.Result
	if b, ok, err := a.Cache.Get(r.Context(), key); err == nil && ok && json.Unmarshal(b, &out) == nil && len(out.Texts) == len(texts) {
		return out, nil
	}
	var words []string
	for _, t := range texts {
		if t != "" {
			words = append(words, t)
		}
	}
	got, err := a.Translator.Translate(r.Context(), words, from, to)
	if err != nil {
		return got, err
	}
	out = translate.Result{From: got.From, Provider: got.Provider, Texts: make([]string, len(texts))}
	next := 0
	for i, t := range texts {
		if t != "" {
			out.Texts[i] = got.Texts[next]
			next++
		}
	}
	if b, err := json.Marshal(out); err == nil {
		_ = a.Cache.Set(r.Context(), key, b, translationAge) // asked again when it is lost
	}
	return out, nil
}
