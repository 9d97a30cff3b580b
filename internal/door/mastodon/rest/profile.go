package rest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// maxProfileUpload is a body with both.
	maxProfileUpload = 2*media.MaxProfileImage + 1<<20
	// maxAttributionDomains is how many sites may name an account as an author (Mastodon).
	maxAttributionDomains = 100
)

func (a *API) verifyCredentials(w http.ResponseWriter, r *api.Request) error {
	return a.answerCredentials(w, r, r.Account, r.User.Settings)
}

func (a *API) answerCredentials(w http.ResponseWriter, r *api.Request, acct *accounts.Account, prefs access.Preferences) error {
	e, err := a.Render.Account(r.Context(), a.DB, acct)
	if err != nil {
		return err
	}
	waiting, err := a.Relations.FollowRequestCount(r.Context(), a.DB, acct.ID)
	if err != nil {
		return err
	}
	return ok(w, entity.CredentialAccount{Account: e, Role: roleOf(r.User), Source: entity.Source{
		Privacy: prefs.DefaultVisibility(acct.Locked), Sensitive: prefs.Sensitive, Language: prefs.Language, QuotePolicy: prefs.QuotePolicy,
		Note: acct.Note, Fields: entity.SourceFields(acct), FollowRequestsCount: waiting, HideCollections: new(acct.HideCollections),
		Discoverable: new(acct.Discoverable), Indexable: acct.Indexable, AttributionDomains: append([]string{}, acct.AttributionDomains...),
	}})
}

// The permissions of roles, in the bits that Mastodon gives them: the administrator's, which implies all; a moderator's
// (dashboard, audit log, users, reports, taxonomies, settings of federation left out); everybody's (invite people).
const (
	permissionsAdmin     = "1"
	permissionsModerator = "1308"
	permissionsEverybody = "65536"
)

// everybody is the id that the role of those without one has.
const everybody = "-99"

func roleOf(u *access.User) entity.Role {
	switch u.Role {
	case access.Owner:
		return entity.Role{ID: "3", Name: "Owner", Permissions: permissionsAdmin, Highlighted: true, CollectionLimit: collections.MaxCollections}
	case access.Admin:
		return entity.Role{ID: "2", Name: "Admin", Permissions: permissionsAdmin, Highlighted: true, CollectionLimit: collections.MaxCollections}
	case access.Moderator:
		return entity.Role{ID: "1", Name: "Moderator", Permissions: permissionsModerator, Highlighted: true, CollectionLimit: collections.MaxCollections}
	}
	return entity.Role{ID: everybody, Permissions: permissionsEverybody, CollectionLimit: collections.MaxCollections}
}

// bounded notes a text that is too long.
func bounded(f *errs.Faults, attribute, label string, s *string, most int) {
	if s != nil && len([]rune(*s)) > most {
		f.TooLong(attribute, label, most)
	}
}

func (a *API) updateCredentials(w http.ResponseWriter, r *api.Request) error {
	change, err := a.profileChange(r)
	if err != nil {
		return err
	}
	prefs, err := a.changeDefaults(r)
	if err != nil {
		return err
	}
	acct, err := a.changeProfile(r, change)
	if err != nil {
		return err
	}
	return a.answerCredentials(w, r, acct, prefs)
}

// changeProfile keeps a change of the profile, and its pictures.
func (a *API) changeProfile(r *api.Request, change accounts.Profile) (*accounts.Account, error) {
	if err := a.storeImages(r, &change); err != nil {
		return nil, err
	}
	acct, err := a.Accounts.UpdateProfile(r.Context(), r.Viewer(), change)
	if err != nil {
		return nil, err
	}
	return acct, a.Media.DropReplaced(r.Context(), r.Account, acct)
}

func (a *API) profile(w http.ResponseWriter, r *api.Request) error {
	return a.answerProfile(w, r, r.Account)
}

func (a *API) updateProfile(w http.ResponseWriter, r *api.Request) error {
	change, err := a.profileChange(r)
	if err != nil {
		return err
	}
	acct, err := a.changeProfile(r, change)
	if err != nil {
		return err
	}
	return a.answerProfile(w, r, acct)
}

func (a *API) answerProfile(w http.ResponseWriter, r *api.Request, acct *accounts.Account) error {
	shown, err := a.Render.Account(r.Context(), a.DB, acct)
	if err != nil {
		return err
	}
	tags, err := a.Statuses.FeaturedTags(r.Context(), a.DB, acct.ID)
	if err != nil {
		return err
	}
	return ok(w, a.Render.Profile(acct, shown, tags))
}

// profileChange reads a change of the profile and checks it.
func (a *API) profileChange(r *api.Request) (accounts.Profile, error) {
	p := r.Params
	change := accounts.Profile{DisplayName: p.Text("display_name"), Note: p.Text("note"), Locked: p.Flag("locked"), Bot: p.Flag("bot"),
		Discoverable: p.Flag("discoverable"), Indexable: p.Flag("indexable"), HideCollections: p.Flag("hide_collections"),
		AvatarDescription: p.Text("avatar_description"), HeaderDescription: p.Text("header_description"),
		ShowMedia: p.Flag("show_media"), ShowMediaReplies: p.Flag("show_media_replies"), ShowFeatured: p.Flag("show_featured")}
	var f errs.Faults
	bounded(&f, "display_name", "Display name", change.DisplayName, accounts.MaxDisplayName)
	bounded(&f, "avatar_description", "Avatar description", change.AvatarDescription, accounts.MaxImageDescription)
	bounded(&f, "header_description", "Header description", change.HeaderDescription, accounts.MaxImageDescription)
	if change.Note != nil && text.Count(*change.Note, "") > accounts.MaxNote {
		f.TooLong("note", "Note", accounts.MaxNote)
	}
	if p.Has("fields_attributes") {
		change.Fields = fieldsOf(r, &f)
	}
	if p.Has("attribution_domains") {
		change.AttributionDomains = attributionDomains(p.List("attribution_domains"), &f)
	}
	if err := f.Err(); err != nil {
		return change, err
	}
	return change, a.findEmojis(r, &change)
}

// fieldsOf reads the lines of a profile. A line whose value stays keeps when it was verified.
func fieldsOf(r *api.Request, f *errs.Faults) *[]accounts.Field {
	verified := map[string]accounts.Field{}
	for _, old := range r.Account.Fields {
		verified[old.Value] = old
	}
	out := []accounts.Field{}
	for _, m := range r.Params.Maps("fields_attributes") {
		name, value := strings.TrimSpace(m.String("name")), strings.TrimSpace(m.String("value"))
		if name == "" && value == "" {
			continue
		}
		if len([]rune(name)) > accounts.MaxFieldText || len([]rune(value)) > accounts.MaxFieldText {
			f.Add("fields", "ERR_TOO_LONG", "Fields", "are too long (maximum is "+itoa(accounts.MaxFieldText)+" characters)")
		}
		out = append(out, accounts.Field{Name: name, Value: value, VerifiedAt: verified[value].VerifiedAt})
	}
	if len(out) > accounts.MaxFields {
		f.Add("fields", "ERR_TOO_LONG", "Fields", "are too many (maximum is "+itoa(accounts.MaxFields)+")")
	}
	return &out
}

func attributionDomains(in []string, f *errs.Faults) *[]string {
	out := []string{}
	for _, s := range in {
		s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "https://"), "http://")
		domain, err := text.NormalizeDomain(strings.TrimSuffix(s, "/"))
		if err != nil {
			f.Add("attribution_domains", "ERR_INVALID", "Attribution domains", "has an invalid domain name")
			return nil
		}
		out = append(out, domain)
	}
	if len(out) > maxAttributionDomains {
		f.Add("attribution_domains", "ERR_TOO_LONG", "Attribution domains", "are too many (maximum is "+itoa(maxAttributionDomains)+")")
	}
	return &out
}

// findEmojis finds the custom emojis that the new profile uses.
func (a *API) findEmojis(r *api.Request, change *accounts.Profile) error {
	if change.DisplayName == nil && change.Note == nil && change.Fields == nil {
		return nil
	}
	name, note, fields := r.Account.DisplayName, r.Account.Note, r.Account.Fields
	if change.DisplayName != nil {
		name = *change.DisplayName
	}
	if change.Note != nil {
		note = *change.Note
	}
	if change.Fields != nil {
		fields = *change.Fields
	}
	all := name + " " + note
	for _, f := range fields {
		all += " " + f.Name + " " + f.Value
	}
	found, err := a.Media.EmojisNamed(r.Context(), a.DB, text.Shortcodes(all))
	if err != nil {
		return err
	}
	emojis := []accounts.Emoji{}
	for _, e := range found {
		emojis = append(emojis, accounts.Emoji{Shortcode: e.Shortcode, URL: e.Image, StaticURL: e.Image})
	}
	change.Emojis = &emojis
	return nil
}

// changeDefaults keeps what new posts are like from now on.
func (a *API) changeDefaults(r *api.Request) (access.Preferences, error) {
	src := r.Params.Map("source")
	if !r.Params.Has("source") {
		return r.User.Settings, nil
	}
	return a.Access.ChangePreferences(r.Context(), r.User.ID, func(p *access.Preferences) { applyDefaults(p, src) })
}

func applyDefaults(p *access.Preferences, src *httpio.Params) {
	if s := src.Text("privacy"); s != nil {
		p.Visibility = *s
	}
	p.Sensitive = src.Bool("sensitive", p.Sensitive)
	if s := src.Text("language"); s != nil {
		p.Language = *s
	}
	if s := src.Text("quote_policy"); s != nil && *s != "" {
		p.QuotePolicy = *s
	}
}

// storeImages stores what was uploaded; the files are there before the profile names them.
func (a *API) storeImages(r *api.Request, change *accounts.Profile) error {
	for _, i := range []struct {
		param, kind string
		into        **string
	}{{"avatar", media.Avatars, &change.Avatar}, {"header", media.Headers, &change.Header}} {
		f := r.Params.File(i.param)
		if f == nil {
			continue
		}
		file, err := f.Open()
		if err != nil {
			return fmt.Errorf("opening an upload: %w", err)
		}
		name, err := a.Media.PutImage(r.Context(), i.kind, int64(r.Account.ID), file, f.Size)
		_ = file.Close() // only read
		if err != nil {
			return err
		}
		*i.into = &name
	}
	return nil
}

// deleteImage removes the avatar or the header.
func (a *API) deleteImage(change accounts.Profile) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		acct, err := a.changeProfile(r, change)
		if err != nil {
			return err
		}
		return a.answerCredentials(w, r, acct, r.User.Settings)
	}
}

func (a *API) preferences(w http.ResponseWriter, r *api.Request) error {
	p := r.User.Settings
	out := entity.Preferences{Visibility: p.DefaultVisibility(r.Account.Locked), Sensitive: p.Sensitive, QuotePolicy: p.QuotePolicy, Media: p.ExpandMedia,
		Spoilers: p.ExpandSpoilers, Autoplay: p.AutoplayGIFs}
	if p.Language != "" {
		out.Language = &p.Language
	}
	return ok(w, out)
}

// markedTimelines have markers.
var markedTimelines = []string{"home", "notifications"}

func (a *API) markers(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Access.Markers(r.Context(), a.DB, r.User.ID, r.Params.List("timeline"))
	if err != nil {
		return err
	}
	return answerMarkers(w, list)
}

func (a *API) setMarkers(w http.ResponseWriter, r *api.Request) error {
	read := map[string]int64{}
	for _, name := range markedTimelines {
		m := r.Params.Map(name)
		if !m.Has("last_read_id") {
			continue
		}
		id := m.ID("last_read_id")
		if id == 0 && m.String("last_read_id") != "0" {
			return errs.Invalid("Validation failed: Last read is not a number")
		}
		read[name] = id
	}
	list, err := a.Access.SetMarkers(r.Context(), r.User.ID, read)
	if err != nil {
		return err
	}
	return answerMarkers(w, list)
}

func answerMarkers(w http.ResponseWriter, list []access.Marker) error {
	out := map[string]entity.Marker{}
	for _, m := range list {
		out[m.Timeline] = entity.Marker{LastReadID: itoa(m.LastReadID), Version: m.Version, UpdatedAt: entity.Stamp(m.UpdatedAt)}
	}
	return ok(w, out)
}

func (a *API) customEmojis(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Media.Emojis(r.Context(), a.DB)
	if err != nil {
		return err
	}
	return ok(w, a.Render.Emojis(list))
}
