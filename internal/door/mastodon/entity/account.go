package entity

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// Where the pictures of those without one are.
const (
	MissingAvatar = "/avatars/original/missing.png"
	MissingHeader = "/headers/original/missing.png"
)

// Account is someone's profile.
type Account struct {
	ID                string          `json:"id"`
	Username          string          `json:"username"`
	Acct              string          `json:"acct"`
	DisplayName       string          `json:"display_name"`
	Locked            bool            `json:"locked"`
	Bot               bool            `json:"bot"`
	Discoverable      *bool           `json:"discoverable"`
	Indexable         bool            `json:"indexable"`
	Group             bool            `json:"group"`
	CreatedAt         string          `json:"created_at"`
	Note              string          `json:"note"`
	URL               *string         `json:"url"`
	URI               string          `json:"uri"`
	Avatar            string          `json:"avatar"`
	AvatarStatic      string          `json:"avatar_static"`
	AvatarDescription string          `json:"avatar_description"`
	Header            string          `json:"header"`
	HeaderStatic      string          `json:"header_static"`
	HeaderDescription string          `json:"header_description"`
	FollowersCount    int64           `json:"followers_count"`
	FollowingCount    int64           `json:"following_count"`
	StatusesCount     int64           `json:"statuses_count"`
	LastStatusAt      *string         `json:"last_status_at"`
	HideCollections   *bool           `json:"hide_collections"`
	ShowMedia         bool            `json:"show_media"`
	ShowMediaReplies  bool            `json:"show_media_replies"`
	ShowFeatured      bool            `json:"show_featured"`
	FeatureApproval   FeatureApproval `json:"feature_approval"`
	Noindex           *bool           `json:"noindex,omitempty"`
	Moved             *Account        `json:"moved,omitempty"`
	Memorial          bool            `json:"memorial,omitempty"`
	Suspended         bool            `json:"suspended,omitempty"`
	Limited           bool            `json:"limited,omitempty"`
	Emojis            []CustomEmoji   `json:"emojis"`
	Roles             *[]AccountRole  `json:"roles,omitempty"`
	// EmailSubscriptions is true for those whose posts people may have sent by mail, and absent for others.
	EmailSubscriptions bool    `json:"email_subscriptions,omitempty"`
	Fields             []Field `json:"fields"`
}

// FeatureApproval says who may put an account into a collection, at once or after it was asked, and whether the one who asks may.
type FeatureApproval struct {
	Automatic   []string `json:"automatic"`
	Manual      []string `json:"manual"`
	CurrentUser string   `json:"current_user"`
}

// Field is a line of a profile.
type Field struct {
	Name       string  `json:"name"`
	Value      string  `json:"value"`
	VerifiedAt *string `json:"verified_at"`
}

// AccountRole is a role as a profile shows it.
type AccountRole struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

// Roles names the roles of local accounts that their profiles show; accounts without one are absent. One statement.
type Roles interface {
	Shown(ctx context.Context, q db.Q, list []accounts.ID) (map[accounts.ID]AccountRole, error)
}

// Role is a role with what it allows.
type Role struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Color           string `json:"color"`
	Permissions     string `json:"permissions"`
	Highlighted     bool   `json:"highlighted"`
	CollectionLimit int    `json:"collection_limit"`
}

// MutedAccount is an account with when its mute ends.
type MutedAccount struct {
	*Account
	MuteExpiresAt *string `json:"mute_expires_at"`
}

// CredentialAccount is the account of the one who asks, with what was typed.
type CredentialAccount struct {
	*Account
	Source Source `json:"source"`
	Role   Role   `json:"role"`
}

// Source is a profile as its owner typed it.
type Source struct {
	Privacy             string   `json:"privacy"`
	Sensitive           bool     `json:"sensitive"`
	Language            string   `json:"language"`
	QuotePolicy         string   `json:"quote_policy"`
	Note                string   `json:"note"`
	Fields              []Field  `json:"fields"`
	FollowRequestsCount int64    `json:"follow_requests_count"`
	HideCollections     *bool    `json:"hide_collections"`
	Discoverable        *bool    `json:"discoverable"`
	Indexable           bool     `json:"indexable"`
	AttributionDomains  []string `json:"attribution_domains"`
}

// SourceFields are a local account's fields as they were typed.
func SourceFields(a *accounts.Account) []Field {
	out := make([]Field, 0, len(a.Fields))
	for _, f := range a.Fields {
		out = append(out, Field{Name: f.Name, Value: f.Value, VerifiedAt: stampOrNil(f.VerifiedAt)})
	}
	return out
}

// Accounts renders accounts by id; those that do not exist are absent. At most four statements.
func (r *Renderer) Accounts(ctx context.Context, q db.Q, list []accounts.ID) (map[accounts.ID]*Account, error) {
	found, err := r.Deps.Accounts.ByIDs(ctx, q, list)
	if err != nil {
		return nil, err
	}
	return r.renderAccounts(ctx, q, found)
}

// AccountList renders accounts in the order asked for.
func (r *Renderer) AccountList(ctx context.Context, q db.Q, order []accounts.ID) ([]*Account, error) {
	m, err := r.Accounts(ctx, q, order)
	if err != nil {
		return nil, err
	}
	out := make([]*Account, 0, len(order))
	for _, id := range order {
		if a := m[id]; a != nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// Known renders accounts that are loaded already, in their order.
func (r *Renderer) Known(ctx context.Context, q db.Q, in []*accounts.Account) ([]*Account, error) {
	byID := make(map[accounts.ID]*accounts.Account, len(in))
	for _, a := range in {
		byID[a.ID] = a
	}
	m, err := r.renderAccounts(ctx, q, byID)
	if err != nil {
		return nil, err
	}
	out := make([]*Account, 0, len(in))
	for _, a := range in {
		out = append(out, m[a.ID])
	}
	return out, nil
}

// Account renders one account.
func (r *Renderer) Account(ctx context.Context, q db.Q, a *accounts.Account) (*Account, error) {
	out, err := r.Known(ctx, q, []*accounts.Account{a})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (r *Renderer) renderAccounts(ctx context.Context, q db.Q, found map[accounts.ID]*accounts.Account) (map[accounts.ID]*Account, error) {
	var local, moved []accounts.ID
	var named []accounts.Handle
	for _, a := range found {
		if a.MovedToID != 0 && found[a.MovedToID] == nil {
			moved = append(moved, a.MovedToID)
		}
		if a.Local() {
			local = append(local, a.ID)
			named = append(named, handlesIn(a)...)
		}
	}
	targets, err := r.Deps.Accounts.ByIDs(ctx, q, moved)
	if err != nil {
		return nil, err
	}
	mentioned, err := r.Deps.Accounts.ByAccts(ctx, q, named)
	if err != nil {
		return nil, err
	}
	var roles map[accounts.ID]AccountRole
	if r.Roles != nil && len(local) > 0 {
		if roles, err = r.Roles.Shown(ctx, q, local); err != nil {
			return nil, err
		}
	}
	links := r.mentionLinks(mentioned)
	out := make(map[accounts.ID]*Account, len(found))
	for id, a := range found {
		e := r.account(a, links)
		if role, ok := roles[id]; ok {
			e.Roles = &[]AccountRole{role}
		}
		if a.EmailSubscriptions && r.Settings != nil {
			instance, err := r.Settings.Get(ctx, q)
			if err != nil {
				return nil, err
			}
			e.EmailSubscriptions = instance.EmailSubscriptions
		}
		if to := found[a.MovedToID]; to != nil {
			e.Moved = r.account(to, links)
		} else if to := targets[a.MovedToID]; to != nil {
			e.Moved = r.account(to, links)
		}
		out[id] = e
	}
	return out, nil
}

// maxBioMentions bounds how many names of one profile are looked up.
const maxBioMentions = 20

// handlesIn are the accounts that a local profile names.
func handlesIn(a *accounts.Account) []accounts.Handle {
	var out []accounts.Handle
	add := func(s string) {
		if !strings.Contains(s, "@") {
			return
		}
		for _, m := range text.Mentions(s) {
			if len(out) < maxBioMentions {
				out = append(out, accounts.Handle{Username: m.Username, Domain: m.Domain})
			}
		}
	}
	add(a.Note)
	for _, f := range a.Fields {
		add(f.Value)
	}
	return out
}

func (r *Renderer) mentionLinks(found []*accounts.Account) map[string]text.MentionLink {
	links := make(map[string]text.MentionLink, len(found))
	for _, a := range found {
		link := text.MentionLink{Username: a.Username, Domain: a.Domain, URL: pageOf(a)}
		links[strings.ToLower(a.Acct())] = link
		if a.Local() {
			links[strings.ToLower(a.Username)+"@"+r.Site.LocalDomain] = link
			links[strings.ToLower(a.Username)+"@"+r.Site.WebDomain] = link
		}
	}
	return links
}

// pageOf is where a person reads about an account.
func pageOf(a *accounts.Account) string {
	if a.URL != "" {
		return a.URL
	}
	return a.URI
}

func (r *Renderer) account(a *accounts.Account, links map[string]text.MentionLink) *Account {
	avatar, header := r.Site.Base()+MissingAvatar, r.Site.Base()+MissingHeader
	e := &Account{
		ID: ids.Format(a.ID), Username: a.Username, Acct: a.Acct(), Group: a.Group(), CreatedAt: stamp(midnight(a.CreatedAt)),
		URL: textOrNil(pageOf(a)), URI: a.URI, Avatar: avatar, AvatarStatic: avatar, Header: header, HeaderStatic: header,
		FollowersCount: a.FollowersCount, FollowingCount: a.FollowingCount, StatusesCount: a.StatusesCount, LastStatusAt: date(a.LastStatusAt),
		Discoverable: new(bool), HideCollections: new(a.HideCollections), ShowMedia: a.ShowMedia, ShowMediaReplies: a.ShowMediaReplies, ShowFeatured: a.ShowFeatured,
		FeatureApproval: featureApproval(a),
		Memorial:        a.Memorial, Limited: a.Silenced(), Emojis: []CustomEmoji{}, Fields: []Field{},
	}
	if a.Local() {
		e.Noindex, e.Roles = new(!a.Indexable), &[]AccountRole{}
	}
	if a.Suspended() {
		e.Suspended = true
		return e
	}
	e.DisplayName, e.Locked, e.Bot, e.Indexable = a.DisplayName, a.Locked, a.Bot(), a.Indexable
	*e.Discoverable = a.Discoverable
	if s, still := r.shown(media.Avatars, a.Avatar); s != "" {
		e.Avatar, e.AvatarStatic, e.AvatarDescription = s, still, a.AvatarDescription
	}
	if s, still := r.shown(media.Headers, a.Header); s != "" {
		e.Header, e.HeaderStatic, e.HeaderDescription = s, still, a.HeaderDescription
	}
	e.Emojis = r.emojis(a.Emojis)
	e.Note = a.Note
	if a.Local() {
		e.Note = text.Format(a.Note, text.FormatOptions{Mentions: links, TagURL: r.Site.TagURL})
	}
	for _, f := range a.Fields {
		value := f.Value
		if a.Local() {
			value = text.Format(value, text.FormatOptions{Mentions: links, RelMe: true, SingleLine: true})
		}
		e.Fields = append(e.Fields, Field{Name: f.Name, Value: value, VerifiedAt: stampOrNil(f.VerifiedAt)})
	}
	return e
}
