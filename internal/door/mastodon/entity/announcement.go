package entity

import (
	"context"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// Announcement is what the people who run the server tell everybody.
type Announcement struct {
	ID          string  `json:"id"`
	Content     string  `json:"content"`
	StartsAt    *string `json:"starts_at"`
	EndsAt      *string `json:"ends_at"`
	AllDay      bool    `json:"all_day"`
	PublishedAt string  `json:"published_at"`
	UpdatedAt   string  `json:"updated_at"`
	// Read is nil where nobody looks.
	Read      *bool         `json:"read,omitempty"`
	Mentions  []Mention     `json:"mentions"`
	Statuses  []*Status     `json:"statuses"`
	Tags      []StatusTag   `json:"tags"`
	Emojis    []CustomEmoji `json:"emojis"`
	Reactions []Reaction    `json:"reactions"`
}

// Reaction is an emoji on an announcement, and how many put it there.
type Reaction struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	// Me is nil where nobody looks; the addresses are of custom emojis.
	Me        *bool  `json:"me,omitempty"`
	URL       string `json:"url,omitempty"`
	StaticURL string `json:"static_url,omitempty"`
	// AnnouncementID is of live events alone.
	AnnouncementID string `json:"announcement_id,omitempty"`
}

// said is what announcements name, for all of them together.
type said struct {
	handles []accounts.Handle
	emojis  []string
	posts   []statuses.ID
}

// postsIn finds the posts of this server whose addresses are in a text.
func (r *Renderer) postsIn(src string) []statuses.ID {
	var out []statuses.ID
	for link := range strings.FieldsSeq(src) {
		if link = strings.TrimRight(link, ".,;:!?)"); !strings.HasPrefix(link, r.Site.Base()+"/") {
			continue
		}
		if id, err := ids.Parse(link[strings.LastIndexByte(link, '/')+1:]); err == nil {
			out = append(out, statuses.ID(id))
		}
	}
	return out
}

// Announcements renders announcements for a viewer, 0 for nobody in particular.
func (r *Renderer) Announcements(ctx context.Context, q db.Q, s *announcements.Service, viewer accounts.ID, list []*announcements.Announcement) ([]Announcement, error) {
	out := make([]Announcement, 0, len(list))
	if len(list) == 0 {
		return out, nil
	}
	order := make([]announcements.ID, len(list))
	var named said
	for i, a := range list {
		order[i] = a.ID
		for _, m := range text.Mentions(a.Text) {
			named.handles = append(named.handles, accounts.Handle{Username: m.Username, Domain: m.Domain})
		}
		named.emojis = append(named.emojis, text.Shortcodes(a.Text)...)
		named.posts = append(named.posts, r.postsIn(a.Text)...)
	}
	reactions, err := s.Reactions(ctx, q, viewer, order)
	if err != nil {
		return nil, err
	}
	for _, of := range reactions {
		for _, reaction := range of {
			named.emojis = append(named.emojis, reaction.Name)
		}
	}
	read := map[announcements.ID]bool{}
	if viewer != 0 {
		if read, err = s.ReadBy(ctx, q, viewer, order); err != nil {
			return nil, err
		}
	}
	people, err := r.Deps.Accounts.ByAccts(ctx, q, named.handles)
	if err != nil {
		return nil, err
	}
	people = slices.DeleteFunc(people, (*accounts.Account).Suspended)
	custom, err := r.Deps.Media.EmojisNamed(ctx, q, named.emojis)
	if err != nil {
		return nil, err
	}
	posts, err := r.announced(ctx, q, viewer, named.posts)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		e := r.announcement(a, people, custom, posts)
		if viewer != 0 {
			e.Read = new(read[a.ID])
		}
		for _, reaction := range reactions[a.ID] {
			if shown := r.Reaction(reaction, custom); shown != nil {
				if viewer != 0 {
					shown.Me = new(reaction.Mine)
				}
				e.Reactions = append(e.Reactions, *shown)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// announced renders the posts that announcements link to: of those the public ones.
func (r *Renderer) announced(ctx context.Context, q db.Q, viewer accounts.ID, list []statuses.ID) (map[string]*Status, error) {
	shown, err := r.Statuses(ctx, q, viewer, list, "")
	out := make(map[string]*Status, len(shown))
	for _, st := range shown {
		if st.Visibility == statuses.Public.String() || st.Visibility == statuses.Unlisted.String() {
			out[st.ID] = st
		}
	}
	return out, err
}

// announcement renders one of several, with what all of them name.
func (r *Renderer) announcement(a *announcements.Announcement, people []*accounts.Account, custom []media.CustomEmoji, posts map[string]*Status) Announcement {
	links := r.mentionLinks(people)
	e := Announcement{
		ID: ids.Format(a.ID), Content: text.Format(a.Text, text.FormatOptions{Mentions: links, TagURL: r.Site.TagURL}), StartsAt: stampOrNil(a.StartsAt), EndsAt: stampOrNil(a.EndsAt),
		AllDay: a.AllDay, PublishedAt: stamp(a.PublishedAt), UpdatedAt: stamp(a.UpdatedAt), Mentions: []Mention{}, Statuses: []*Status{}, Tags: []StatusTag{}, Emojis: []CustomEmoji{}, Reactions: []Reaction{},
	}
	named := map[string]bool{}
	for _, m := range text.Mentions(a.Text) {
		named[links[strings.ToLower(m.Acct())].URL] = true
	}
	for _, p := range people {
		if named[pageOf(p)] {
			e.Mentions = append(e.Mentions, Mention{ids.Format(p.ID), p.Username, pageOf(p), p.Acct()})
		}
	}
	for _, name := range text.Hashtags(a.Text) {
		e.Tags = append(e.Tags, StatusTag{strings.ToLower(name), r.Site.TagURL(name)})
	}
	codes := text.Shortcodes(a.Text)
	e.Emojis = r.Emojis(slices.DeleteFunc(slices.Clone(custom), func(c media.CustomEmoji) bool { return !slices.Contains(codes, c.Shortcode) }))
	for _, id := range r.postsIn(a.Text) {
		if st := posts[ids.Format(id)]; st != nil {
			e.Statuses = append(e.Statuses, st)
		}
	}
	return e
}

// Reaction renders an emoji on an announcement; nil for a custom one that is no more.
func (r *Renderer) Reaction(in announcements.Reaction, custom []media.CustomEmoji) *Reaction {
	out := &Reaction{Name: in.Name, Count: in.Count}
	for _, c := range r.Emojis(custom) {
		if c.Shortcode == in.Name {
			out.URL, out.StaticURL = c.URL, c.StaticURL
			return out
		}
	}
	if strings.Trim(in.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" {
		return nil
	}
	return out
}
