package activitypub

import (
	"context"
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// maxMentions is how many people a post from elsewhere can mention; maxNewMentions how many of them may be fetched for it (FET-07).
	maxMentions    = 100
	maxNewMentions = 5
	// maxTags is how many hashtags of a post count.
	maxTags = 50
	// maxEmojis is how many custom emojis a text may use.
	maxEmojis = 100
	// maxOptions and maxOption bound the polls of others: twenty choices is the most that any server is known to allow.
	maxOptions = 20
	maxOption  = 255
	// maxDescription is how long the description of an attachment may be, in characters (Mastodon).
	maxDescription = 10_000
)

var (
	shortcode = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
)

// arrival is a post on its way in, with what decides whether and how it is taken.
type arrival struct {
	ap.Note
	by *accounts.Account
	// asked says that we fetched the post, rather than being sent it.
	asked bool
	// depth is how many answers were followed upwards to it.
	depth int
	// relayed says that a relay of ours passed it on.
	relayed bool
	// old says that the post is news to nobody, whenever it was written.
	old bool
}

// owned reads a post that its author sent: of the author's host, and by nobody else (ORG-05, ORG-06, AUZ-01).
func owned(o *ap.Object, by *accounts.Account) (ap.Note, error) {
	n, err := ap.ReadNote(o)
	if err != nil {
		return n, err
	}
	if n.AttributedTo == "" {
		n.AttributedTo = by.URI
	}
	if !ap.SameHost(n.ID, by.URI) || n.AttributedTo != by.URI || n.ID == by.URI {
		return n, errs.Forbidden()
	}
	return n, nil
}

// audience is whom a post names: people by mention, and those it is only addressed to.
type audience struct {
	mentions   []statuses.Mention
	local      bool
	visibility statuses.Visibility
}

// receive stores a post that arrived or was fetched, if it concerns anyone here. One that is here already is given back.
func (s *Server) receive(ctx context.Context, a arrival) (*statuses.Status, error) {
	if a.by.Suspended() {
		return nil, errs.Forbidden()
	}
	standing, err := s.Statuses.Standing(ctx, s.DB, a.ID, a.by.ID)
	if err != nil {
		return nil, err
	}
	if standing.ID != 0 {
		return s.again(ctx, a, standing.ID)
	}
	parent, err := s.parentOf(ctx, a)
	if err != nil {
		return nil, err
	}
	if vote, err := s.takeVote(ctx, a, parent); vote || err != nil {
		return nil, err
	}
	who, err := s.audienceOf(ctx, a.Note, a.by)
	if err != nil {
		return nil, err
	}
	if wanted, err := s.concerns(ctx, a, who, parent, standing.Followed); err != nil || !wanted {
		return nil, firstError(err, errs.Forbidden())
	}
	in, err := s.incoming(ctx, a.Note, a.by, who)
	if err != nil {
		return nil, err
	}
	in.InReplyTo, in.Depth, in.Old = parent, a.depth, a.old
	in.Quiet = !standing.Notices && !who.local
	if parent == nil {
		in.InReplyToURI = a.InReplyTo
	}
	st, err := s.Statuses.Receive(ctx, a.by, in)
	if err != nil {
		return nil, err
	}
	return st, s.fetchParent(ctx, st.InReplyToURI, a.depth)
}

// again is a post that is here already.
func (s *Server) again(ctx context.Context, a arrival, id statuses.ID) (*statuses.Status, error) {
	st, err := s.Statuses.Any(ctx, s.DB, id)
	if err != nil {
		return nil, err
	}
	if st.AccountID != a.by.ID {
		return nil, errs.Forbidden()
	}
	if !st.EditedAt.IsZero() && !a.asked { // an edit may have overtaken what it changed
		in, err := s.incoming(ctx, a.Note, a.by, audience{visibility: st.Visibility})
		if err != nil {
			return nil, err
		}
		if !in.EditedAt.After(st.EditedAt) {
			if _, err := s.Statuses.ReceiveEdit(ctx, a.by, in); err != nil {
				return nil, err
			}
		}
	}
	return st, s.fetchParent(ctx, st.InReplyToURI, a.depth)
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// parentOf is the post that is answered, if it is known. One of ours that the author may not see is not answered (AUZ-12); what
// people of other servers may see of each other's is not known here.
func (s *Server) parentOf(ctx context.Context, a arrival) (*statuses.Status, error) {
	if a.InReplyTo == "" {
		return nil, nil
	}
	parent, err := s.Statuses.ByURI(ctx, s.DB, a.InReplyTo)
	if errs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil || !parent.Local {
		return parent, err
	}
	return s.Statuses.ByID(ctx, s.DB, a.by.ID, parent.ID)
}

// takeVote counts what is a vote in a poll of ours rather than a post: a name without content that answers the poll.
func (s *Server) takeVote(ctx context.Context, a arrival, parent *statuses.Status) (bool, error) {
	if parent == nil || !parent.Local || parent.PollID == 0 || a.Name == "" || a.Content != "" || a.Type != "Note" {
		return false, nil
	}
	if a.asked {
		return true, errs.Invalid("A vote is not fetched")
	}
	polls, err := s.Statuses.Polls(ctx, s.DB, 0, []int64{parent.PollID})
	if err != nil || polls[parent.PollID] == nil {
		return true, err
	}
	choice := slices.Index(polls[parent.PollID].Options, a.Name)
	if choice < 0 {
		return true, errs.Invalid("The poll has no such choice")
	}
	_, err = s.Statuses.Vote(ctx, a.by, parent.PollID, []int{choice}, a.ID)
	return true, err
}

// audienceOf finds whom a post mentions and is addressed to, and how visible that makes it. Those who are not known here are
// fetched when they are mentioned, but few.
func (s *Server) audienceOf(ctx context.Context, n ap.Note, by *accounts.Account) (audience, error) {
	var named []string
	for _, t := range n.Tags {
		if t.Type == "Mention" && len(named) < maxMentions && !slices.Contains(named, t.Href) {
			named = append(named, t.Href)
		}
	}
	// Everybody, and the followers of the author, are no accounts.
	addressed := slices.DeleteFunc(slices.Concat(n.To, n.Cc), func(uri string) bool { return ap.IsPublic(uri) || uri == by.FollowersURL })
	known, err := s.Accounts.ByURIs(ctx, s.DB, slices.Concat(named, addressed))
	if err != nil {
		return audience{}, err
	}
	who := audience{visibility: visibilityOf(n, by)}
	fetched := 0
	add := func(a *accounts.Account, silent bool) {
		if a == nil || a.ID == by.ID || a.Suspended() || a.Username == accounts.InstanceActor && a.Local() {
			return
		}
		who.mentions = append(who.mentions, statuses.Mention{AccountID: a.ID, Username: a.Username, Acct: a.Acct(), Silent: silent})
		who.local = who.local || a.Local()
	}
	for _, uri := range named {
		a := known[uri]
		if a == nil && fetched < maxNewMentions && !s.isOurs(uri) {
			fetched++
			a, _ = s.AccountByURI(ctx, uri, false) // a mention that leads nowhere is plain text
		}
		add(a, false)
	}
	for _, uri := range addressed {
		if !slices.Contains(named, uri) {
			add(known[uri], true)
		}
	}
	return who, nil
}

// visibilityOf reads the audience as Mastodon does.
func visibilityOf(n ap.Note, by *accounts.Account) statuses.Visibility {
	return visibility(n.To, n.Cc, by)
}

func visibility(to, cc []string, by *accounts.Account) statuses.Visibility {
	followers := by.FollowersURL
	switch {
	case slices.ContainsFunc(to, ap.IsPublic):
		return statuses.Public
	case slices.ContainsFunc(cc, ap.IsPublic):
		return statuses.Unlisted
	case followers != "" && (slices.Contains(to, followers) || slices.Contains(cc, followers)):
		return statuses.Private
	}
	return statuses.Direct
}

// concerns reports whether a post is anyone's business here: it was asked for, its author is followed, it names somebody of ours
// or is part of a conversation with them. Everything else that is pushed at us is not taken (AUZ-16).
func (s *Server) concerns(ctx context.Context, a arrival, who audience, parent *statuses.Status, followed bool) (bool, error) {
	if who.local || parent != nil && parent.Local || a.asked && who.visibility != statuses.Direct || a.relayed && who.visibility == statuses.Public {
		return true, nil
	}
	if followed {
		return true, nil
	}
	if ours, err := s.quotesOurs(ctx, a.QuoteURI); ours || err != nil || parent == nil {
		return ours, err
	}
	return s.Relations.HasLocalFollower(ctx, s.DB, parent.AccountID)
}

// incoming cleans a post.
func (s *Server) incoming(ctx context.Context, n ap.Note, by *accounts.Account, who audience) (statuses.Incoming, error) {
	now := s.Clock.Now()
	in := statuses.Incoming{
		URI: n.ID, URL: n.URL, Content: contentOf(n), SpoilerText: spoilerOf(n), Sensitive: n.Sensitive, Visibility: who.visibility,
		ConversationURI: n.Conversation, Mentions: who.mentions, Tags: hashtagsOf(n.Tags), Emojis: emojisOf(n.Tags),
		Attachments: attachmentsOf(n.Attachments), Poll: pollOf(n.Poll), Quote: s.quoteIn(n), QuotePolicy: policyOf(n, by), PublishedAt: ap.NotAfter(n.Published, now),
	}
	if text.ValidLanguage(n.Language) {
		in.Language = n.Language
	} else if base, _, _ := strings.Cut(n.Language, "-"); text.ValidLanguage(base) {
		in.Language = base
	}
	if in.ConversationURI == "" {
		in.ConversationURI = n.Context
	}
	var err error
	if in.ConversationID, err = s.ourConversation(ctx, n, who.visibility); err != nil {
		return in, err
	}
	if strings.HasPrefix(in.ConversationURI, "tag:"+s.Site.WebDomain+",") || s.isOurs(in.ConversationURI) {
		in.ConversationURI = ""
	}
	if !n.Updated.IsZero() {
		in.EditedAt = ap.NotAfter(n.Updated, now)
	}
	in.Attachments, in.Emojis, err = s.wantedMedia(ctx, by, in.Attachments, in.Emojis)
	return in, err
}

// contentOf is the cleaned text. What is not a note, such as an article or a video, becomes its title, its text where it has one, and
// a link to it.
func contentOf(n ap.Note) string {
	body := n.Content
	if plain := n.ContentType == "text/plain" || n.ContentType == "text/markdown"; plain && body != "" {
		body = paragraphs(body)
	}
	if n.Type == "Note" || n.Type == "Question" {
		return text.Sanitize(body)
	}
	title := text.SanitizeName(n.Name)
	if title == "" {
		title = text.SanitizeName(text.Plain(n.Summary))
	}
	return text.Sanitize("<p>" + html.EscapeString(title) + "</p>" + body + "<p>" + text.ShortenedLink(n.URL, false) + "</p>")
}

// paragraphs is text that is no HTML, as HTML.
func paragraphs(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(part), "\n", "<br>") + "</p>")
		}
	}
	return b.String()
}

func spoilerOf(n ap.Note) string {
	if n.Type != "Note" && n.Type != "Question" {
		return ""
	}
	return text.SanitizeName(n.Summary)
}

func hashtagsOf(tags []ap.Tag) []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range tags {
		if t.Type != "Hashtag" || len(names) == maxTags {
			continue
		}
		name := strings.TrimPrefix(t.Name, "#")
		if norm := text.NormalizeTag(name); text.ValidTag(name) && norm != "" && !seen[norm] {
			seen[norm] = true
			names = append(names, name)
		}
	}
	return names
}

func emojisOf(tags []ap.Tag) []accounts.Emoji {
	var list []accounts.Emoji
	seen := map[string]bool{}
	for _, t := range tags {
		code := strings.Trim(t.Name, ":")
		if t.Type != "Emoji" || len(list) == maxEmojis || seen[code] || !shortcode.MatchString(code) {
			continue
		}
		seen[code] = true
		list = append(list, accounts.Emoji{Shortcode: code, URL: t.IconURL, StaticURL: t.IconURL})
	}
	return list
}

func attachmentsOf(list []ap.Attachment) []media.Attachment {
	var out []media.Attachment
	for _, a := range list {
		m := media.Attachment{Kind: kindOf(a), ContentType: a.MediaType, RemoteURL: a.URL, ThumbnailRemoteURL: a.PreviewURL,
			Description: text.Truncate(text.Plain(a.Name), maxDescription)}
		if blurhash(a.Blurhash) {
			m.Blurhash = a.Blurhash
		}
		if a.Width > 0 && a.Height > 0 {
			m.Meta.Original = &media.Size{Width: a.Width, Height: a.Height}
		}
		if a.FocalX != 0 || a.FocalY != 0 {
			m.Meta.Focus = &media.Point{X: a.FocalX, Y: a.FocalY}
		}
		out = append(out, m)
	}
	return out
}

// kindOf decides by the media type, and without one by the type of the object.
func kindOf(a ap.Attachment) string {
	kind, sub, _ := strings.Cut(a.MediaType, "/")
	if kind == "" {
		kind = strings.ToLower(a.Type)
	}
	switch {
	case kind == "image" && sub != "svg+xml":
		return media.Image
	case kind == "video":
		return media.Video
	case kind == "audio":
		return media.Audio
	}
	return media.Unknown
}

func pollOf(p *ap.Poll) *statuses.Poll {
	if p == nil {
		return nil
	}
	out := &statuses.Poll{Multiple: p.Multiple, ExpiresAt: p.EndTime, VotersCount: max(p.VotersCount, 0)}
	for _, o := range p.Options[:min(len(p.Options), maxOptions)] {
		out.Options = append(out.Options, text.Truncate(text.SanitizeName(o.Name), maxOption))
		out.Tallies = append(out.Tallies, o.Votes)
	}
	return out
}
