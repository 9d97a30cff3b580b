package ap

import (
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

// Note is a post elsewhere. Empty means missing or refused; texts are not cleaned.
type Note struct {
	ID, Type string
	// AttributedTo is the author: of several, the first on the post's own host, else the first.
	AttributedTo string
	// Content and Summary are HTML or text as the sender pleased; Name is a title, or the choice of a vote. ContentType is the media
	// type of Content where it is told.
	Content, Name, Summary, ContentType string
	// Language is the one of Content where it is told.
	Language           string
	Sensitive          bool
	InReplyTo          string
	Published, Updated time.Time
	// URL is for people: on the post's own host, else the id.
	URL string
	// To and Cc hold addresses, and Public in the one spelling.
	To, Cc []string
	// Conversation is opaque (a tag: URI mostly); Context is an address.
	Conversation, Context string
	Tags                  []Tag
	Attachments           []Attachment
	// Replies is the collection; RepliesItems are what its first page shows, and RepliesNext where more is.
	Replies      string
	RepliesItems []string
	RepliesNext  string
	Poll         *Poll
	// QuoteURI is the post that it quotes, QuoteAuthorization the stamp that allows it (FEP-044f). QuoteLegacy says that it was told
	// in a way that knows no stamps.
	QuoteURI, QuoteAuthorization string
	QuoteLegacy                  bool
	// QuotableBy lists who may quote it at once, and QuotableOnRequestBy about whom the author is asked: actors, collections and Public.
	QuotableBy, QuotableOnRequestBy []string
	// LikesTotal and SharesTotal are what the server claims, -1 when it does not.
	LikesTotal, SharesTotal int64
	// Source is what the author typed, and SourceType its media type.
	Source, SourceType string
}

// Poll is what people may vote on.
type Poll struct {
	Options  []PollOption
	Multiple bool
	// EndTime is when it closes, zero for never; Closed is whether it has.
	EndTime time.Time
	Closed  bool
	// VotersCount is -1 when it is not told.
	VotersCount int64
}

// PollOption is a choice and how many took it.
type PollOption struct {
	Name  string
	Votes int64
}

// Tag is a mention, a hashtag or a custom emoji.
type Tag struct {
	Type, Name, Href string
	// ID, IconURL, MediaType and Updated are an emoji's.
	ID, IconURL, MediaType string
	Updated                time.Time
}

// Attachment is a media file.
type Attachment struct {
	Type, MediaType, URL, Name, Blurhash string
	// PreviewURL is a smaller picture of it.
	PreviewURL    string
	Width, Height int
	// FocalX and FocalY are what the picture is about, from -1 to 1; 0, 0 is the middle.
	FocalX, FocalY float64
}

// ReadNote reads a post. It fails only without a valid id or of an unknown type.
func ReadNote(o *Object) (Note, error) {
	if o.ID == "" || !o.Is(NoteTypes...) {
		return Note{}, errs.Invalid("The document is not a post")
	}
	content, language := o.text("content")
	name, nameLanguage := o.text("name")
	summary, summaryLanguage := o.text("summary")
	n := Note{
		ID: o.ID, Type: o.Kind(NoteTypes...), AttributedTo: o.author(),
		Content: cut(content, maxContent), Name: cut(name, maxName), Summary: cut(summary, maxSummary),
		Language: firstOf(language, nameLanguage, summaryLanguage), Sensitive: o.Bool("sensitive"),
		InReplyTo: o.IDOf("inReplyTo"), URL: o.displayURL(), To: o.recipients("to"), Cc: o.recipients("cc"),
		Conversation: opaque(o.String("conversation")), Context: o.IDOf("context"),
		Tags: o.Tags(), Attachments: o.attachments(), Poll: o.poll(),
		ContentType: mediaType(o),
		LikesTotal:  o.total("likes"), SharesTotal: o.total("shares"),
	}
	n.readQuote(o)
	n.Published, n.Updated = o.times()
	if source := o.Object("source"); source != nil {
		n.Source, n.SourceType = cut(source.String("content"), maxContent), cut(source.String("mediaType"), maxShort)
	}
	o.readReplies(&n)
	return n, nil
}

// readQuote reads what a post quotes, and who may quote it.
func (n *Note) readQuote(o *Object) {
	n.QuoteURI = o.IDOf("quote")
	n.QuoteLegacy = n.QuoteURI == ""
	n.QuoteURI = firstOf(n.QuoteURI, o.IDOf("quoteUri"), o.IDOf("quoteUrl"), o.IDOf("_misskey_quote"), o.linkedQuote())
	n.QuoteLegacy = n.QuoteLegacy && n.QuoteURI != ""
	if n.QuoteURI != "" {
		n.QuoteAuthorization = o.IDOf("quoteAuthorization")
	}
	policy := o.Object("interactionPolicy")
	if policy == nil {
		return
	}
	if may := policy.Object("canQuote"); may != nil {
		n.QuotableBy, n.QuotableOnRequestBy = may.recipients("automaticApproval"), may.recipients("manualApproval")
	}
}

// linkedQuote is the quote that a Link among the tags tells of (FEP-e232): one to an ActivityPub document that says it is a quote.
func (o *Object) linkedQuote() string {
	for _, t := range o.Objects("tag") {
		if t.Is("Link") && IsActivityJSON(t.String("mediaType")) && slices.ContainsFunc(t.Strings("rel"), func(rel string) bool {
			return rel == "https://misskey-hub.net/ns#_misskey_quote" || rel == "https://w3id.org/fep/044f#quote" || rel == "https://w3id.org/fep/044f#quoteUri"
		}) {
			return t.href("href")
		}
	}
	return ""
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func opaque(s string) string {
	if len(s) > maxOpaqueID {
		return ""
	}
	return s
}

func (o *Object) author() string {
	authors := o.IDs("attributedTo")
	for _, id := range authors {
		if SameHost(id, o.ID) {
			return id
		}
	}
	if len(authors) > 0 {
		return authors[0]
	}
	return ""
}

// times are published and updated; an update before publication is none. Both may be the same: many servers write whole seconds.
func (o *Object) times() (published, updated time.Time) {
	if t, ok := o.Time("published"); ok {
		published = t
	}
	if t, ok := o.Time("updated"); ok && !t.Before(published) {
		updated = t
	}
	return published, updated
}

// recipients are addressees: addresses, and Public in one spelling.
func (o *Object) recipients(key string) []string {
	var list []string
	seen := map[string]bool{}
	for _, v := range many(o.Raw[key], maxRecipients) {
		id := idOf(v)
		if s, ok := v.(string); ok && IsPublic(s) {
			id = Public
		}
		if id != "" && !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}

// Tags are the mentions, hashtags and custom emojis of an object.
func (o *Object) Tags() []Tag {
	var tags []Tag
	for _, t := range o.Objects("tag") {
		if len(tags) == maxTags {
			break
		}
		tag := Tag{Type: t.Kind("Mention", "Hashtag", "Emoji"), Name: line(t.String("name"), maxTagName), Href: t.href("href")}
		switch tag.Type {
		case "Mention":
			if tag.Href == "" {
				continue
			}
		case "Hashtag":
			if tag.Name == "" || len(t.String("name")) > maxTagName { // half a hashtag is another one
				continue
			}
		case "Emoji":
			tag.ID = t.ID
			tag.IconURL, _ = t.picture("icon")
			if icon := t.Object("icon"); icon != nil {
				tag.MediaType = mediaType(icon)
			}
			if updated, ok := t.Time("updated"); ok {
				tag.Updated = updated
			}
			if tag.Name == "" || tag.IconURL == "" {
				continue
			}
		default:
			continue
		}
		tags = append(tags, tag)
	}
	return tags
}

func mediaType(o *Object) string { return strings.ToLower(line(o.String("mediaType"), maxShort)) }

func (o *Object) attachments() []Attachment {
	var list []Attachment
	for _, m := range o.Objects("attachment") {
		if len(list) == maxAttachments {
			break
		}
		a := Attachment{Type: m.Kind("Document", "Image", "Video", "Audio"), MediaType: mediaType(m), URL: m.URL()}
		a.PreviewURL, _ = m.picture("icon")
		if a.URL == "" {
			a.URL = m.href("href")
		}
		if a.URL == "" || a.Type == "" {
			continue
		}
		name, _ := m.text("name")
		summary, _ := m.text("summary")
		a.Name = cut(firstOf(name, summary), maxDescription)
		if hash := m.String("blurhash"); len(hash) <= maxShort {
			a.Blurhash = hash
		}
		a.Width, a.Height = m.pixels("width"), m.pixels("height")
		a.FocalX, a.FocalY = m.focus()
		list = append(list, a)
	}
	return list
}

func (o *Object) pixels(key string) int {
	n, ok := o.Int(key)
	if !ok || n < 0 || n > maxPixels {
		return 0
	}
	return int(n)
}

func (o *Object) focus() (x, y float64) {
	point, ok := o.Raw["focalPoint"].([]any)
	if !ok || len(point) != 2 {
		return 0, 0
	}
	return coordinate(point[0]), coordinate(point[1])
}

func coordinate(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(max(-1, min(1, n)))
	case float64:
		return max(-1, min(1, n))
	}
	return 0
}

// poll reads a Question's choices. Both kinds at once are read as one choice.
func (o *Object) poll() *Poll {
	if !o.Is("Question") {
		return nil
	}
	p := &Poll{VotersCount: -1}
	choices := o.Objects("oneOf")
	if len(choices) == 0 {
		choices, p.Multiple = o.Objects("anyOf"), true
	}
	for _, c := range choices[:min(len(choices), maxOptions)] {
		name, _ := c.text("name")
		option := PollOption{Name: cut(firstOf(name, c.String("content")), maxOption)}
		if replies := c.Object("replies"); replies != nil {
			option.Votes, _ = replies.Count("totalItems")
		}
		p.Options = append(p.Options, option)
	}
	if len(p.Options) == 0 {
		return nil
	}
	if end, ok := o.Time("endTime"); ok {
		p.EndTime = end
	}
	if closed, ok := o.Time("closed"); ok {
		p.Closed = true
		if p.EndTime.IsZero() {
			p.EndTime = closed
		}
	}
	p.Closed = p.Closed || o.Bool("closed")
	if voters, ok := o.Count("votersCount"); ok {
		p.VotersCount = voters
	}
	return p
}

// total is how many a collection claims to hold, -1 when it does not.
func (o *Object) total(key string) int64 {
	if c := o.Object(key); c != nil {
		if n, ok := c.Count("totalItems"); ok {
			return n
		}
	}
	return -1
}

// readReplies takes the collection, and its first page where that is embedded. Both must be on the post's own host; the replies need not.
func (o *Object) readReplies(n *Note) {
	n.Replies = o.own("replies")
	page := o.Object("replies")
	if page == nil {
		return
	}
	if first := page.Object("first"); first != nil {
		page = first
	} else if id := page.IDOf("first"); SameHost(id, o.ID) {
		n.RepliesNext = id
	}
	if id := page.IDOf("next"); SameHost(id, o.ID) {
		n.RepliesNext = id
	}
	for _, item := range page.Items() {
		if item.ID != "" && len(n.RepliesItems) < maxReplies {
			n.RepliesItems = append(n.RepliesItems, item.ID)
		}
	}
}
