package entity

import (
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
)

// Profile is the profile of the one who asks, as it was typed, with what was made of it. Pictures that are not there are null.
type Profile struct {
	ID                 string        `json:"id"`
	DisplayName        string        `json:"display_name"`
	Note               string        `json:"note"`
	FormattedNote      string        `json:"formatted_note"`
	Fields             []Field       `json:"fields"`
	FormattedFields    []Field       `json:"formatted_fields"`
	Avatar             *string       `json:"avatar"`
	AvatarStatic       *string       `json:"avatar_static"`
	AvatarDescription  string        `json:"avatar_description"`
	Header             *string       `json:"header"`
	HeaderStatic       *string       `json:"header_static"`
	HeaderDescription  string        `json:"header_description"`
	Locked             bool          `json:"locked"`
	Bot                bool          `json:"bot"`
	HideCollections    *bool         `json:"hide_collections"`
	Discoverable       *bool         `json:"discoverable"`
	Indexable          bool          `json:"indexable"`
	ShowMedia          bool          `json:"show_media"`
	ShowMediaReplies   bool          `json:"show_media_replies"`
	ShowFeatured       bool          `json:"show_featured"`
	AttributionDomains []string      `json:"attribution_domains"`
	FeaturedTags       []FeaturedTag `json:"featured_tags"`
}

// Profile shows somebody their own profile; shown is how everybody sees it.
func (r *Renderer) Profile(a *accounts.Account, shown *Account, tags []statuses.FeaturedTag) Profile {
	p := Profile{
		ID: shown.ID, DisplayName: a.DisplayName, Note: a.Note, FormattedNote: shown.Note, Fields: SourceFields(a), FormattedFields: shown.Fields,
		AvatarDescription: a.AvatarDescription, HeaderDescription: a.HeaderDescription, Locked: a.Locked, Bot: a.Bot(),
		HideCollections: new(a.HideCollections), Discoverable: new(a.Discoverable), Indexable: a.Indexable,
		ShowMedia: a.ShowMedia, ShowMediaReplies: a.ShowMediaReplies, ShowFeatured: a.ShowFeatured,
		AttributionDomains: append([]string{}, a.AttributionDomains...), FeaturedTags: r.FeaturedTags(a, tags),
	}
	avatar, avatarStill := r.shown(media.Avatars, a.Avatar)
	header, headerStill := r.shown(media.Headers, a.Header)
	p.Avatar, p.AvatarStatic, p.Header, p.HeaderStatic = textOrNil(avatar), textOrNil(avatarStill), textOrNil(header), textOrNil(headerStill)
	return p
}
