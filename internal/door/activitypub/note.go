package activitypub

import (
	"context"
	"mime"
	"path"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// inlineReplies is how many of the author's own answers a post carries along (Mastodon: 5).
const inlineReplies = 5

// post is a post of ours with what it is sent with. For a boost, boosted is the post in it.
type post struct {
	status   *statuses.Status
	author   *accounts.Account
	boosted  *statuses.Status
	mentions []statuses.Mention
	tags     []statuses.Tag
	media    []media.Attachment
	poll     *statuses.Poll
	quote    *quoteOf
}

// post loads one of our posts as its author sees it.
func (s *Server) post(ctx context.Context, id statuses.ID) (*post, error) {
	st, err := s.Statuses.Any(ctx, s.DB, id)
	if err != nil {
		return nil, err
	}
	list, err := s.posts(ctx, st.AccountID, []statuses.ID{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errGone()
	}
	return list[0], nil
}

// posts loads posts as viewer sees them, in the given order; what viewer may not see is absent.
func (s *Server) posts(ctx context.Context, viewer accounts.ID, list []statuses.ID) ([]*post, error) {
	parts, err := s.Statuses.LoadAlone(ctx, s.DB, viewer, list)
	if err != nil {
		return nil, err
	}
	var out []*post
	for _, id := range list {
		st := parts.Statuses[id]
		if st == nil || parts.Accounts[st.AccountID] == nil {
			continue
		}
		out = append(out, &post{status: st, author: parts.Accounts[st.AccountID], boosted: parts.Statuses[st.ReblogOfID],
			mentions: parts.Mentions[id], tags: parts.Tags[id], media: parts.Media[id], poll: parts.Polls[st.PollID]})
	}
	return out, s.addQuotes(ctx, out)
}

// note is a post of ours as a document: a Note, or a Question where it has a poll.
func (s *Server) note(ctx context.Context, p *post) (*ap.NoteDoc, error) {
	st := p.status
	doc := &ap.NoteDoc{
		ID: st.URI, Type: "Note", Summary: ap.Text(st.SpoilerText), Published: ap.FormatTime(st.CreatedAt), Updated: ap.FormatEdit(st.EditedAt),
		URL: st.URL, AttributedTo: p.author.URI, Sensitive: st.Sensitive, AtomURI: ap.Text(st.URI), Content: st.Content,
		Attachment: s.mediaDocs(p.media), Tag: s.noteTags(p),
		Likes: ap.Collection(st.URI+"/likes", st.FavouritesCount, nil), Shares: ap.Collection(st.URI+"/shares", st.ReblogsCount, nil),
	}
	if st.Language != "" {
		doc.ContentMap = map[string]string{st.Language: st.Content}
	}
	var named []string
	for _, m := range p.mentions {
		if !m.Silent {
			named = append(named, m.URI)
		}
	}
	doc.Interaction = interactionPolicy(p)
	switch {
	case p.quote == nil:
	case p.quote.Gone:
		doc.SetGoneQuote(p.quote.QuotedURI)
	default:
		doc.SetQuote(p.quote.QuotedURI, p.quote.stamp)
	}
	doc.To, doc.Cc = audienceFor(st.Visibility, p.author.FollowersURL, named)
	if err := s.answered(ctx, st, doc); err != nil {
		return nil, err
	}
	if p.poll != nil {
		s.question(p.poll, doc)
	}
	return doc, s.inlineReplies(ctx, st, doc)
}

// answered names the parent and the conversation: by the name that its own server gave it, or by ours.
func (s *Server) answered(ctx context.Context, st *statuses.Status, doc *ap.NoteDoc) error {
	thread, err := s.Statuses.ConversationByID(ctx, s.DB, st.ConversationID)
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	conversation, whole := s.names(thread)
	doc.Conversation, doc.Context = ap.Text(conversation), whole
	uri := st.InReplyToURI
	if st.InReplyToID != 0 {
		parent, err := s.Statuses.Any(ctx, s.DB, st.InReplyToID)
		if err != nil {
			return dropped(err)
		}
		uri = parent.URI
	}
	if uri != "" {
		doc.InReplyTo, doc.InReplyToAtomURI = ap.Text(uri), ap.Text(uri)
	}
	return nil
}

// question adds a poll. Results that are kept until the end are sent as nothing.
func (s *Server) question(p *statuses.Poll, doc *ap.NoteDoc) {
	doc.Type = "Question"
	ended := p.Expired(s.Clock.Now())
	doc.EndTime = ap.FormatTime(p.ExpiresAt)
	if ended {
		doc.Closed = doc.EndTime
	}
	shown := ended || !p.HideTotals
	if shown {
		doc.VotersCount = &p.VotersCount
	}
	options := make([]ap.OptionDoc, len(p.Options))
	for i, name := range p.Options {
		votes := int64(0)
		if shown && i < len(p.Tallies) {
			votes = p.Tallies[i]
		}
		options[i] = ap.Option(name, votes)
	}
	if p.Multiple {
		doc.AnyOf = options
	} else {
		doc.OneOf = options
	}
}

// inlineReplies adds the collection of replies, with the author's own first answers in it.
func (s *Server) inlineReplies(ctx context.Context, st *statuses.Status, doc *ap.NoteDoc) error {
	base := st.URI + "/replies"
	next := base + "?only_other_accounts=true&page=true"
	var own []string
	if st.RepliesCount > 0 && st.Distributable() {
		var err error
		if own, err = s.Statuses.PublicReplies(ctx, s.DB, st, 0, true, inlineReplies); err != nil {
			return err
		}
	}
	doc.Replies = ap.Collection(base, -1, ap.Page("", base, next, anys(own)))
	return nil
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func (s *Server) noteTags(p *post) []ap.TagDoc {
	tags := []ap.TagDoc{}
	for _, m := range p.mentions {
		if !m.Silent {
			tags = append(tags, ap.Mention(m.URI, m.Acct))
		}
	}
	for _, t := range p.tags {
		tags = append(tags, ap.Hashtag(s.Site.TagURL(t.Name), t.Name))
	}
	return append(tags, s.emojiTags(p.status.Emojis)...)
}

func (s *Server) emojiTags(list []accounts.Emoji) []ap.TagDoc {
	tags := make([]ap.TagDoc, len(list))
	for i, e := range list {
		url := s.fileURL(e.URL)
		tags[i] = ap.Emoji(s.Site.URL("/emojis/"+e.Shortcode), e.Shortcode, "", ap.Image(mediaTypeOf(url), url))
	}
	return tags
}

func (s *Server) mediaDocs(list []media.Attachment) []ap.MediaDoc {
	out := []ap.MediaDoc{}
	for _, m := range list {
		doc := ap.Media(m.ContentType, s.MediaURL(m), m.Description, m.Blurhash)
		if size := m.Meta.Original; size != nil {
			doc.Width, doc.Height = size.Width, size.Height
		}
		if f := m.Meta.Focus; f != nil {
			doc.FocalPoint = &[2]float64{f.X, f.Y}
		}
		if m.Kind != media.Image && m.Thumbnail != "" {
			thumb := s.fileURL(m.Thumbnail)
			doc.Icon = ap.Image(mediaTypeOf(thumb), thumb)
		}
		out = append(out, doc)
	}
	return out
}

// fileURL is the address of a stored file; what is an address already stays.
func (s *Server) fileURL(name string) string {
	if name == "" || strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return name
	}
	return s.FileURL(name)
}

// mediaTypeOf guesses from the name; pictures are PNG when it says nothing.
func mediaTypeOf(name string) string {
	kind, _, _ := mime.ParseMediaType(mime.TypeByExtension(strings.ToLower(path.Ext(name))))
	if kind == "" {
		return "image/png"
	}
	return kind
}
